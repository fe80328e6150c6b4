"""A job's pictures: the original, the image, and a thumbnail for the strip."""

import re
from io import BytesIO

from flask import Blueprint, Response, request
from PIL import Image
from werkzeug.exceptions import Conflict, NotFound

from generator.job import Succeeded
from generator.png import painted_png
from webapp.dialects.description import JPEG, PNG, Description, described
from webapp.services import services

bp = Blueprint("pictures", __name__, url_prefix="/jobs")

THUMBNAIL = (336, 168)  # twice its size on the page, for screens with fine pixels
MOST_WORDS = 60  # characters, in the name of a file


@bp.get("/<job_id>/original.jpg")
@described(Description(answers=(JPEG,)))
def original(job_id: str) -> Response:
    """The uploaded picture, without its metadata."""
    return _picture(services().jobs.get(job_id).original.jpeg, "image/jpeg")


@bp.get("/<job_id>/image.png")
@described(Description(answers=(PNG,), statuses=(409,)))
def image(job_id: str) -> Response:
    """The image, with its parameters in a text chunk; 409 while there is none."""
    entry = services().jobs.get(job_id)
    job, outcome, generation = entry.job, entry.job.outcome, entry.job.request
    if not isinstance(outcome, Succeeded) or generation is None:
        raise Conflict(f"This job is {job.status}: it has no image.")
    info = services().generator.info
    png = entry.saved_png() if entry.saved_png else painted_png(outcome, generation, info)
    response = _picture(png, "image/png")
    name = file_name(generation.prompt, generation.seed)
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


@bp.get("/<job_id>/thumbnail.jpg")
@described(Description(answers=(JPEG,)))
def thumbnail(job_id: str) -> Response:
    """The image in a strip's size; the original until there is one."""
    entry = services().jobs.get(job_id)
    outcome = entry.job.outcome
    if isinstance(outcome, Succeeded):
        return _picture(_small(outcome.image, _marking()), "image/jpeg")
    with Image.open(BytesIO(entry.original.jpeg)) as picture:
        response = _picture(_small(picture), "image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/<job_id>/preview.jpg")
@described(Description(answers=(JPEG,)))
def preview(job_id: str) -> Response:
    """The latest preview, one pixel for each latent; 404 before the first.

    It may be kept if the address names its step: elsewhere a later one will stand here.
    """
    latest = services().jobs.get(job_id).job.preview
    if latest is None:
        raise NotFound
    step, image = latest
    file = BytesIO()
    image.save(file, "JPEG", quality=90, subsampling=0, xmp=_marking())
    response = _picture(file.getvalue(), "image/jpeg")
    if request.args.get("step") != str(step):
        response.headers["Cache-Control"] = "no-store"
    return response


def file_name(words: str, seed: int) -> str:
    """``a-red-house-by-the-sea-7.png``."""
    slug = "-".join(re.findall("[a-z0-9]+", words.lower()))[:MOST_WORDS].strip("-")
    return f"{slug or 'lookalike'}-{seed}.png"


def _small(picture: Image.Image, xmp: bytes = b"") -> bytes:
    small, file = picture.copy(), BytesIO()
    small.thumbnail(THUMBNAIL)
    small.save(file, "JPEG", quality=80, xmp=xmp)
    return file.getvalue()


def _marking() -> bytes:
    """Of small pictures of an image too: they are images that a model made."""
    return services().generator.info.marking.xmp


def _picture(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    # A job's pictures never change, and its id is known to its owner alone.
    response.headers["Cache-Control"] = "private, max-age=3600, immutable"
    return response
