"""``/``: the page, and the upload that it sends."""

import json
from collections.abc import Sequence

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import MisdirectedRequest

from captioner.images import InvalidImage, jpeg_bytes, open_image
from generator.job import Job
from webapp import about, door, examples, infotext, mine, similar, studio
from webapp.client import client
from webapp.dialects import huggingface
from webapp.dialects.description import ANYTHING, FORM, HTML, JSON, Description, described
from webapp.dialects.dialect import dialect_of
from webapp.errors import error_response, handle_errors, message_of, wants_json, with_status
from webapp.fields import Upload
from webapp.job_store import Original
from webapp.logs import log_end_of
from webapp.order import InvalidFields, Order, parse_order
from webapp.services import services

bp = Blueprint("pages", __name__)

# Of a picture that waits, and of its copy for the page. Captioners look at a few hundred.
MAX_KEPT_PIXELS_A_SIDE = 2048


@bp.get("/")
@described(Description(answers=(HTML,)))
def index() -> str:
    """The page; on the image API's own port, how to call that."""
    return about.api() if about.is_api_port() else studio.empty()


@bp.post("/")
@described(
    Description(Upload, (FORM, ANYTHING), (JSON, ANYTHING), (303,), answer=huggingface.ANSWER)
)
def upload() -> Response:
    """Starts jobs; 303 to the first one's page, at once. What is no form is for the models.

    A field ``prompt`` is painted in place of the caption, as when a page sends its picture again.
    """
    if dialect_of(request):
        return huggingface.by_content()
    data = uploaded_bytes()
    encoded = open_image(data)
    with services().decoding.take(encoded.decoding_bytes):
        image = encoded.read(MAX_KEPT_PIXELS_A_SIDE)
        original = Original(jpeg_bytes(image), image.size, infotext.fields_of(data))
    order = parse_order(_options(), services().generator.info, image.size)
    if order.prompt is None:
        jobs = similar.start(services(), image, order, client())
    else:
        jobs = similar.again(services(), order, order.prompt, None, client())
    return started(jobs, original, order)


def _options() -> dict[str, str]:
    """The form's fields but the picture; an empty one is left out, words as well."""
    return {name: value for name, value in request.form.items() if value and name != "example"}


def started(jobs: Sequence[Job], original: Original, order: Order) -> Response:
    """Keeps the jobs, in the browser's cookie too; 303 to the first one's page."""
    services().jobs.add(jobs, original, order)
    for job in jobs:
        log_end_of(job)
    response: Response = redirect(url_for("jobs.show", job_id=jobs[0].id), 303)  # type: ignore[assignment]
    mine.remember(request, response, [job.id for job in reversed(jobs)])
    return response


def uploaded_bytes() -> bytes:
    """The file of the form, or the example whose button was pressed. Raises InvalidImage."""
    if example := request.form.get("example"):
        return examples.read(example)
    file = request.files.get("image")
    if file is None or not file.filename:
        raise InvalidImage("No picture was chosen: choose a file first.")
    data: bytes = file.read()
    return data


def page_again(error: Exception) -> Response:
    """The page with what was typed; each problem at its field, other errors above."""
    is_program = wants_json() or dialect_of(request) is not None
    if is_program or isinstance(error, (MisdirectedRequest, *door.AT_THE_DOOR)):
        return with_problems(error_response(error), error)
    return with_status(Response(studio.empty(*told(error))), error)


def with_problems(response: Response, error: Exception) -> Response:
    """Adds to JSON the sentences for the page's fields, by the fields' names."""
    _, problems = told(error)
    if problems and response.is_json:
        response.data = json.dumps(response.get_json() | {"problems": problems})
    return response


def told(error: Exception) -> tuple[str, dict[str, str]]:
    """The sentence for the top of the page, and the sentences for fields by their names."""
    problems = error.problems if isinstance(error, InvalidFields) else {}
    known = [name for name in problems if name in studio.LABELS]
    labelled = {name: f"{studio.LABELS[name]} {problems[name]}" for name in known}
    return next(iter(labelled.values()), message_of(error)), labelled


handle_errors(bp, page_again)
