"""The API of AUTOMATIC1111's web UI, ``/sdapi/v1``: painting, captions, and what a PNG says.

Its clients: ``webuiapi``, SillyTavern, Open WebUI, and other front ends for Stable Diffusion.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Request, Response, jsonify, request
from pybase64 import b64encode_as_string

from captioner.images import open_image
from generator.job import Succeeded
from generator.png import format_parameters, parse_parameters
from generator.request import GenerationRequest, InvalidRequest, check_whole_number
from webapp.dialects import automatic1111_lists, automatic1111_progress
from webapp.dialects.answer import answered
from webapp.dialects.automatic1111_answers import Images, Interrogated, PngInfo
from webapp.dialects.body import Body, checked, picture_of, read_json
from webapp.dialects.description import JSON, Description, described
from webapp.dialects.dialect import AnySlash, Dialect, Told
from webapp.dialects.image_format import PNG
from webapp.dialects.work import Painted, caption, has_left, outcomes, start, with_seeds
from webapp.failures import ClientLeft
from webapp.infotext import text_of
from webapp.parameters import RANDOM_SEED
from webapp.services import services

bp = AnySlash("automatic1111", __name__, url_prefix="/sdapi/v1")
bp.register_blueprint(automatic1111_lists.bp)
bp.register_blueprint(automatic1111_progress.bp)

# Our names of parameters, and what its clients call them.
NAMES = {"num_inference_steps": "steps", "guidance_scale": "cfg_scale"}
FROM_WORDS_ALONE = "this server paints from words alone, by txt2img."


class Words(Body):
    """Of some fifty fields that clients send, those that mean something here.

    The checkpoint decides the sampler, and whatever model is named, the one that runs paints.
    """

    prompt: str = ""
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    seed: int = RANDOM_SEED
    batch_size: int = 1
    n_iter: int = 1
    send_images: bool = True


class WordsAndImages(Words):
    init_images: list[str] = []
    mask: str | None = None


class Picture(Body):
    image: str


@bp.post("/txt2img")
@described(Description(Words, (JSON,), answer=Images))
def txt2img() -> Response:
    """Paints ``batch_size`` times ``n_iter`` images, whose seeds count up."""
    asked = checked(Words, _given())
    generations = with_seeds(_generation(asked), _count(asked))
    painted = _paint(generations)
    images = [b64encode_as_string(PNG.encode(each)) for each in painted]
    return answered(
        Images(
            images=images if asked.send_images else [],
            parameters=asked.model_dump(),
            info=json.dumps(_info(generations, painted)),
        )
    )


@bp.post("/img2img")
@described(Description(WordsAndImages, (JSON,), answers=(), statuses=(400,)))
def img2img() -> Response:
    """Refuses: there is no image-to-image here."""
    asked = checked(WordsAndImages, _given())
    if asked.mask is not None:
        raise InvalidRequest("mask", f"is not supported: {FROM_WORDS_ALONE}")
    raise InvalidRequest("init_images", f"cannot be painted over: {FROM_WORDS_ALONE}")


@bp.post("/interrogate")
@described(Description(Picture, (JSON,), answer=Interrogated))
def interrogate() -> Response:
    """Captions a picture, whichever captioner is named."""
    return answered(Interrogated(caption=str(caption(_picture()))))


@bp.post("/png-info")
@described(Description(Picture, (JSON,), answer=PngInfo))
def png_info() -> Response:
    """What a PNG was painted from, as text and as pairs; empty if it does not say."""
    picture = _picture()
    open_image(picture)  # refuses what is no picture
    text = text_of(picture)
    parameters = _split_size(parse_parameters(text)) if text else {}
    return answered(PngInfo(info=text, items={}, parameters=parameters))


def _given() -> dict[str, Any]:
    """The body's fields; null means left out."""
    return {name: value for name, value in read_json(request).items() if value is not None}


def _picture() -> bytes:
    return picture_of("image", checked(Picture, _given()).image)


def _generation(asked: Words) -> GenerationRequest:
    """The first image. Raises InvalidRequest, with the name that the client knows."""
    try:
        return services().generator.info.request(
            asked.prompt,
            # Its SDXL guides away from zeros if this is empty.
            negative_prompt=asked.negative_prompt or None,
            width=asked.width,
            height=asked.height,
            num_inference_steps=asked.steps,
            guidance_scale=asked.cfg_scale,
            seed=None if asked.seed == RANDOM_SEED else asked.seed,
        )
    except InvalidRequest as error:
        raise InvalidRequest(NAMES.get(error.field, error.field), error.problem) from None


def _count(asked: Words) -> int:
    """How many images. Raises InvalidRequest for more than the queue ever takes of one client."""
    engine = services().generator
    most = min(engine.max_jobs, engine.max_client_jobs)
    check_whole_number("batch_size", asked.batch_size, 1, most)
    check_whole_number("n_iter", asked.n_iter, 1, most)
    if asked.batch_size * asked.n_iter > most:
        raise InvalidRequest("batch_size", f"times n_iter must be at most {most} images.")
    return asked.batch_size * asked.n_iter


def _paint(generations: Sequence[GenerationRequest]) -> list[Painted]:
    """The images in order; of a request that its client interrupts, those that were ready."""
    jobs = start(generations)
    with services().automatic1111.holding(jobs):
        try:
            outcomes(jobs)
        except ClientLeft:
            if has_left():
                raise
    pairs = zip(generations, (job.outcome for job in jobs), strict=True)
    return [Painted(each, done) for each, done in pairs if isinstance(done, Succeeded)]


def _info(generations: Sequence[GenerationRequest], painted: Sequence[Painted]) -> dict[str, Any]:
    """What clients read beside the images; they want it as text that holds JSON."""
    first, info = generations[0], services().generator.info
    return {
        "prompt": first.prompt,
        "all_prompts": [each.request.prompt for each in painted],
        "negative_prompt": first.negative_prompt or "",
        "all_negative_prompts": [each.request.negative_prompt or "" for each in painted],
        "seed": first.seed,
        "all_seeds": [each.request.seed for each in painted],
        "width": first.width,
        "height": first.height,
        "steps": first.num_inference_steps,
        "cfg_scale": first.guidance_scale,
        "sampler_name": info.sampler,
        "sd_model_name": info.name,
        "batch_size": len(generations),
        "index_of_first_image": 0,
        "infotexts": [_infotext(each) for each in painted],
    }


def _infotext(painted: Painted) -> str:
    info = services().generator.info
    return format_parameters(
        painted.request, model=info.name, sampler=info.sampler, fast_path=painted.outcome.fast_path
    )


def _split_size(parameters: Mapping[str, str]) -> dict[str, str]:
    """The pairs as its own reader has them: a size is two numbers."""
    pairs = {"Negative prompt": "", **parameters}
    width, by, height = pairs.get("Size", "").partition("x")
    if by:
        del pairs["Size"]
        pairs |= {"Size-1": width, "Size-2": height}
    return pairs


def _owns(request: Request) -> bool:
    return request.path.startswith("/sdapi/")


def _error_body(told: Told) -> Response:
    """As its own handler has it; clients show ``detail``, ``errors`` or the whole text."""
    return jsonify(error="HTTPException", detail=told.sentence, body="", errors=told.sentence)


DIALECT = Dialect(bp, _owns, _error_body)
