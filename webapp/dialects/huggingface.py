"""Hugging Face's Inference API: ``POST /models/<id>``, and ``POST /`` by what the body holds.

Its clients: ``huggingface_hub.InferenceClient``, ``@huggingface/inference``, and curl.
"""

import re
import time
from typing import Any

from flask import Blueprint, Request, Response, jsonify, request

from captioner.request import Caption
from generator.request import InvalidRequest
from models_cache.catalog import BLIP_LARGE, SDXL_BASE
from webapp.dialects.answer import Answer, answered
from webapp.dialects.body import Body, Painting, checked, picture_of, read_json
from webapp.dialects.description import ANYTHING, JSON, Description, described
from webapp.dialects.dialect import Dialect, Told
from webapp.dialects.image_format import FORMATS, accepted
from webapp.dialects.work import caption, paint
from webapp.failures import UnknownModel
from webapp.services import services

bp = Blueprint("huggingface", __name__)

# What a picture's base64 begins with, for JPEG, PNG, GIF, WebP, BMP and TIFF.
PICTURE = re.compile(r"\s*(data:image/|/9j/|iVBORw0KGgo|R0lGOD|UklGR|Qk[0-9A-Za-z]{2}|SUkq|TU0A)")
# The names that code for the hosted API has; whatever pair of models runs answers to them.
HOSTED = {
    BLIP_LARGE.name: "captioner",
    "Salesforce/blip-image-captioning-base": "captioner",
    SDXL_BASE.name: "generator",
}
FROM_WORDS_ALONE = "This server paints from words alone: it has no image-to-image."
NOTHING = "There is nothing to caption or to paint: send a picture, or JSON with inputs."
# Until this version the JavaScript client took a list, as the Python one does.
LAST_WITH_A_LIST = (4, 8, 0)
CLIENT = re.compile(r"@huggingface/inference/(\d+)\.(\d+)\.(\d+)")


class Words(Body):
    """How to caption. transformers' own names for the two numbers lie deeper."""

    prompt: str | None = None
    max_new_tokens: int | None = None
    num_beams: int | None = None


class Sizes(Body):
    width: int | None = None
    height: int | None = None


class Parameters(Painting):
    """``target_size`` is what clients of 2024 and 2025 sent."""

    target_size: Sizes | None = None


class Inference(Body):
    inputs: str
    parameters: dict[str, Any] | None = None


class Captioned(Answer):
    generated_text: str


ANSWER = list[Captioned] | Captioned
IMAGES = tuple(each.mimetype for each in FORMATS.values())


@bp.post("/models/<path:name>")
@described(Description(Inference, (JSON, ANYTHING), (JSON, *IMAGES), answer=ANSWER))
def infer(name: str) -> Response:
    """Captions a picture or paints a prompt, by which model it is. 404 if we serve another."""
    if _role(name) == "captioner":
        return _caption_answer(*_picture(request.get_data()))
    return _paint_answer(*_prompt(request.get_data()))


def by_content() -> Response:
    """``POST /`` with anything but a form: a picture is captioned, words in JSON are painted."""
    data = request.get_data()
    if not _is_json(data):
        return _caption_answer(data, {})
    inference = checked(Inference, read_json(request))
    wants_image = request.headers.get("Accept", "").startswith("image/")
    if PICTURE.match(inference.inputs) and not wants_image:
        return _caption_answer(*_picture(data))
    return _paint_answer(*_prompt(data))


def _role(name: str) -> str:
    """ "captioner" or "generator". Raises UnknownModel."""
    roles = HOSTED | {card.name: card.role for card in services().models}
    if name not in roles:
        raise UnknownModel(name, roles)
    return roles[name]


def _picture(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """A picture and how to caption it, from raw bytes or from base64 in JSON."""
    if not data:
        raise InvalidRequest("inputs", "is missing: send a picture.")
    if not _is_json(data):
        return data, {}
    inference = checked(Inference, read_json(request))
    return picture_of("inputs", inference.inputs), inference.parameters or {}


def _prompt(data: bytes) -> tuple[str, dict[str, Any]]:
    """Words to paint and how, from JSON or from text as it is."""
    if not _is_json(data):
        try:
            return data.decode(), {}
        except UnicodeDecodeError:
            raise InvalidRequest("inputs", "must be words, not a picture.") from None
    inference = checked(Inference, read_json(request))
    parameters = inference.parameters or {}
    if "prompt" in parameters or PICTURE.match(inference.inputs):
        raise InvalidRequest("inputs", f"is a picture. {FROM_WORDS_ALONE}")
    return inference.inputs, parameters


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


def _caption_answer(picture: bytes, parameters: dict[str, Any]) -> Response:
    nested = parameters.get("generate_kwargs") or parameters.get("generation_parameters")
    given = {**(nested if isinstance(nested, dict) else {}), **parameters}
    words = checked(Words, given).model_dump(exclude_none=True)
    began = time.monotonic()
    said = caption(picture, words.pop("prompt", ""), **words)
    return _timed(answered(_captions(said)), began)


def _captions(said: Caption) -> Captioned | list[Captioned]:
    """A list for all but newer JavaScript clients, which want the object alone."""
    answer = Captioned(generated_text=str(said))
    version = CLIENT.search(request.headers.get("User-Agent", ""))
    is_newer = version and tuple(map(int, version.groups())) > LAST_WITH_A_LIST
    return answer if is_newer else [answer]


def _paint_answer(prompt: str, parameters: dict[str, Any]) -> Response:
    flat = {**parameters, **_object(parameters.get("extra_body"))}
    given = checked(Parameters, flat).model_dump(exclude_none=True)
    given = {**given.pop("target_size", {}), **given}
    generation = services().generator.info.request(prompt, **given)
    format_ = accepted(request)
    began = time.monotonic()
    [painted] = paint([generation])
    response = Response(format_.encode(painted), mimetype=format_.mimetype)
    response.headers["X-Seed"] = str(generation.seed)
    return _timed(response, began)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _timed(response: Response, began: float) -> Response:
    response.headers["X-Compute-Time"] = f"{time.monotonic() - began:.3f}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _owns(request: Request) -> bool:
    at_root = request.path == "/" and request.method == "POST" and not _is_form(request)
    return at_root or request.path.startswith("/models/")


def _is_form(request: Request) -> bool:
    """Whether a page sent it. curl calls everything urlencoded, and asks for no HTML."""
    if not request.content_length:
        return True
    accept = request.headers.get("Accept", "text/html")
    is_urlencoded = request.mimetype == "application/x-www-form-urlencoded"
    return request.mimetype == "multipart/form-data" or (is_urlencoded and "text/html" in accept)


def _error_body(told: Told) -> Response:
    """Its clients show a string; a list or an object breaks some of them."""
    return jsonify(error=told.sentence)


DIALECT = Dialect(bp, _owns, _error_body)
