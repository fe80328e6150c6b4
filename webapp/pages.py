"""``/``: the form, and the upload that it sends."""

from collections.abc import Mapping

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import MisdirectedRequest, RequestEntityTooLarge

from captioner.heif import open_heif
from captioner.images import InvalidImage, jpeg_bytes, open_image
from generator.request import InvalidRequest
from webapp import examples, similar
from webapp.errors import error_response, handle_errors, message_of, wants_json, with_status
from webapp.parameters import drop_blanks, parse_parameters
from webapp.services import services

bp = Blueprint("pages", __name__)

# What the page calls the parameters that its form has.
LABELS = {
    "negative_prompt": "Avoid",
    "num_inference_steps": "Steps",
    "guidance_scale": "Guidance",
    "seed": "Seed",
}

# Of a picture that waits, and of its copy for the page. Captioners look at a few hundred.
MAX_KEPT_PIXELS_A_SIDE = 2048


@bp.get("/")
def index() -> str:
    return form()


@bp.post("/")
def upload() -> Response:
    """Starts a job; 303 to its page, at once."""
    data = uploaded_bytes()
    encoded = open_image(data)
    with services().decoding.take(encoded.decoding_bytes):
        image = encoded.read(MAX_KEPT_PIXELS_A_SIDE)
        original = jpeg_bytes(image)
    fields = request.form.to_dict()
    fields.pop("example", None)
    job = similar.start(services(), image, parse_parameters(drop_blanks(fields)))
    services().jobs.add(job, original)
    response: Response = redirect(url_for("jobs.show", job_id=job.id), 303)  # type: ignore[assignment]
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


def form(error: str | None = None) -> str:
    return render_template(
        "index.html",
        error=error,
        info=services().generator.info,
        loadings=services().unfinished_loading,
        knows_photos=services().knows_photos,
        examples=[] if services().knows_photos else examples.names(),
        fields=typed_fields(),
        labels=LABELS,
        reads_heic=open_heif is not None,
    )


def typed_fields() -> Mapping[str, str]:
    """The fields as typed; none if the form is too large to be read."""
    try:
        return request.form
    except RequestEntityTooLarge:
        return {}


def form_again(error: Exception) -> Response:
    """The form with what was typed, and the message above it."""
    if wants_json() or isinstance(error, MisdirectedRequest):
        return error_response(error)
    return with_status(Response(form(labelled_message(error))), error)


def labelled_message(error: Exception) -> str:
    """The message, with a field's label in place of its name."""
    if isinstance(error, InvalidRequest) and error.field in LABELS:
        return f"{LABELS[error.field]} {error.problem}"
    return message_of(error)


handle_errors(bp, form_again)
