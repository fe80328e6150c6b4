"""``GET /generate-image?prompt=...``: the original image API, base64 in JSON."""

import base64
from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from generator.job import Succeeded
from generator.model_info import ModelInfo
from generator.png import painted_png
from generator.request import GenerationRequest, InvalidRequest
from webapp.dialects.description import Description, described
from webapp.dialects.work import paint
from webapp.fields import Words
from webapp.parameters import parse_parameters, parse_query
from webapp.services import services

bp = Blueprint("generate_image", __name__)


@bp.get("/generate-image", strict_slashes=False)
@described(Description(query=Words))
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
    response = jsonify(
        image=base64.b64encode(png).decode("ascii"),
        prompt=generation.prompt,
        negative_prompt=generation.negative_prompt,
        seed=generation.seed,
        num_inference_steps=generation.num_inference_steps,
        guidance_scale=generation.guidance_scale,
        width=generation.width,
        height=generation.height,
        unseen_words=list(outcome.unseen_words),
    )
    # Browsers may fetch a GET ahead and keep its answer, and each of these costs an image.
    response.headers["Cache-Control"] = "no-store"
    return response
