"""An image and its parameters as one PNG, and the parameters back.

The text is what AUTOMATIC1111's web UI calls infotext, which most galleries and tools can read.
"""

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from generator import png_encoder

if TYPE_CHECKING:
    from generator.job import Succeeded
    from generator.model_info import ModelInfo
    from generator.request import GenerationRequest

# Every character at which some reader would begin a new line, and other invisible ones.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

NEGATIVE_PROMPT = re.compile("^Negative prompt:", re.MULTILINE)

# `key: value` up to a comma or the end; a value in double quotes may hold either. A key has
# a length limit, or a long line without a colon would take quadratic time.
PAIR = re.compile(r'(\w[\w /-]{1,63}):\s*("(?:[^"\\]|\\.)+"|[^,]*)(?:,|$)')


def png_bytes(
    image: Image.Image,
    request: "GenerationRequest",
    *,
    model: str,
    sampler: str,
    fast_path: str = "",
    xmp: bytes = b"",
) -> bytes:
    """``model``, ``sampler`` and ``fast_path`` are names for people to read."""
    text = PngInfo()
    parameters = format_parameters(request, model=model, sampler=sampler, fast_path=fast_path)
    text.add_text("parameters", parameters)
    mark(text, xmp)
    return png_encoder.png(image, text)


def mark(text: PngInfo, xmp: bytes) -> None:
    """Adds the line by which programs see that a model made it; nothing if ``xmp`` is empty."""
    if xmp:
        text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))


def painted_png(outcome: "Succeeded", request: "GenerationRequest", info: "ModelInfo") -> bytes:
    """The image of a job that succeeded, with what it was painted from and by, and marked so."""
    png = png_bytes(
        outcome.image,
        request,
        model=info.name,
        sampler=info.sampler,
        fast_path=outcome.fast_path,
        xmp=info.marking.xmp,
    )
    return info.marking.signed(png, "image/png", info.name)


def read_parameters(png: bytes) -> dict[str, str]:
    """The result of ``parse_parameters``; empty without a text. Raises as ``read_text`` does."""
    text = read_text(png)
    return parse_parameters(text) if text else {}


def read_text(png: bytes) -> str:
    """The text as it stands there; empty if the PNG has none.

    Pixels are not decoded, and text behind them is not found. Raises SyntaxError, ValueError or
    OSError, as Pillow does, if ``png`` is no whole PNG.
    """
    return str(PngImageFile(BytesIO(png)).info.get("parameters", ""))


def format_parameters(
    request: "GenerationRequest", *, model: str, sampler: str, fast_path: str = ""
) -> str:
    """The text, with spaces for control characters, so that no prompt can pass for our lines."""
    pairs = {
        "Steps": request.num_inference_steps,
        "Sampler": sampler,
        "CFG scale": float(request.guidance_scale),
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model": model,
        **({"Fast path": fast_path} if fast_path else {}),
        "Version": "Lookalike",
    }
    # Readers look for the words at the start of a line, and the prompt's is one. CLIP's tokenizers
    # take the no-break space for a space, so the prompt keeps its meaning.
    prompt = NEGATIVE_PROMPT.sub("Negative\u00a0prompt:", _one_line(request.prompt))
    lines = [prompt]
    if negative_prompt := _one_line(request.negative_prompt or ""):
        lines.append(f"Negative prompt: {negative_prompt}")
    lines.append(", ".join(f"{key}: {_quoted(str(value))}" for key, value in pairs.items()))
    return "\n".join(lines)


def parse_parameters(text: str) -> dict[str, str]:
    """``Prompt``, ``Negative prompt`` if there is one, and the last line's pairs as they stand.

    As in AUTOMATIC1111's reader, fewer than three pairs make the last line part of the prompt.
    """
    *lines, last = [line.strip() for line in text.strip().split("\n")]
    pairs = PAIR.findall(last)
    if len(pairs) < 3:
        lines, pairs = [*lines, last], []
    parameters = {key: _unquoted(value.strip()) for key, value in pairs}
    prompt, *negative_prompt = NEGATIVE_PROMPT.split("\n".join(lines))
    parameters["Prompt"] = prompt.strip()
    if negative_prompt:
        parameters["Negative prompt"] = "\n".join(part.strip() for part in negative_prompt)
    return parameters


def _one_line(text: str) -> str:
    return CONTROL_CHARACTERS.sub(" ", text).strip()


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:"\n]', value) else value


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value
