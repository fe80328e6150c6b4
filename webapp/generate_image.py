"""``GET /generate-image?prompt=...``: the original image API, base64 in JSON."""

import base64
from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from generator.job import Failed, Job, Outcome, Succeeded
from generator.model_info import ModelInfo
from generator.png import painted_png
from generator.request import GenerationRequest, InvalidRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp.client import client
from webapp.logs import log_end_of
from webapp.parameters import parse_parameters, parse_query
from webapp.services import services

bp = Blueprint("generate_image", __name__)

# After so long without an event we look whether the client is still there.
PATIENCE_SECONDS = 0.5


@bp.get("/generate-image", strict_slashes=False)
def generate_image() -> Response:
    """Blocks until the image is there. Cancels the job if the client leaves."""
    if request.method == "HEAD":
        return Response()  # nothing is painted for it
    engine = services().generator
    generation = parse_generate_image(parse_query(request.query_string), engine.info)
    job = engine.submit(generation, client=client())
    log_end_of(job)
    outcome = wait_for_client(job)
    if isinstance(outcome, Failed) and outcome.stopped:
        raise EngineClosed(outcome.error)
    if not isinstance(outcome, Succeeded):
        return format_failure(outcome)
    return format_generate_image(generation, outcome, engine.info)


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


def format_failure(outcome: Outcome) -> Response:
    error = outcome.error if isinstance(outcome, Failed) else "The job was cancelled."
    response = jsonify(error=error, field=None)
    response.status_code = 500 if isinstance(outcome, Failed) else 499
    return response


def wait_for_client(job: Job) -> Outcome:
    """Waits for the outcome. Cancels the job if the client leaves."""
    has_left = request.environ.get("waitress.client_disconnected", lambda: False)
    for _ in job.follow(patience_seconds=PATIENCE_SECONDS):
        if has_left():
            job.cancel()
    return job.wait()
