"""``GET /generate-image?prompt=...``: the original image API, base64 in JSON."""

from collections.abc import Mapping

from flask import Blueprint, Response, request
from pybase64 import b64encode_as_string

from generator.job import Succeeded
from generator.model_info import ModelInfo
from generator.png import painted_png
from generator.request import GenerationRequest, InvalidRequest
from webapp.dialects.answer import Answer, answered
from webapp.dialects.description import Description, described
from webapp.dialects.work import paint
from webapp.fields import Words
from webapp.parameters import parse_parameters, parse_query
from webapp.services import services

bp = Blueprint("generate_image", __name__)


class Painted(Answer):
    """``image`` is a PNG in base64. ``unseen_words`` are those that the model did not read."""

    image: str
    prompt: str
    negative_prompt: str | None
    seed: int
    num_inference_steps: int
    guidance_scale: float
    width: int
    height: int
    unseen_words: list[str]


@bp.get("/generate-image", strict_slashes=False)
@described(Description(query=Words, answer=Painted))
def generate_image() -> Response:
    """Blocks until the image is there. Cancels the job if the client leaves."""
    if request.method == "HEAD":
        return Response()  # nothing is painted for it
    engine = services().generator
    generation = parse_generate_image(parse_query(request.query_string), engine.info)
    [painted] = paint([generation])
    return format_generate_image(generation, painted.outcome, engine.info)


def parse_generate_image(fields: Mapping[str, str], info: ModelInfo) -> GenerationRequest:
    """Raises InvalidRequest."""
    parameters = parse_parameters(fields)
    if "prompt" not in parameters:
        raise InvalidRequest("prompt", "is missing: say what to draw.")
    return info.request(str(parameters.pop("prompt")), **parameters)


def format_generate_image(
    generation: GenerationRequest, outcome: Succeeded, info: ModelInfo
) -> Response:
    png = painted_png(outcome, generation, info)
    painted = Painted(
        image=b64encode_as_string(png),
        prompt=generation.prompt,
        negative_prompt=generation.negative_prompt,
        seed=generation.seed,
        num_inference_steps=generation.num_inference_steps,
        guidance_scale=generation.guidance_scale,
        width=generation.width,
        height=generation.height,
        unseen_words=list(outcome.unseen_words),
    )
    return answered(painted)  # browsers may fetch a GET ahead and keep it, and each costs an image
