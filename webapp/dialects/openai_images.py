"""OpenAI's images: ``/v1/images/generations``, ``/variations`` and ``/edits``.

A variation is what the page makes of an upload: a similar image, painted from its caption.
"""

import time
from collections.abc import Callable

from flask import Blueprint, Response, request
from PIL import Image
from pybase64 import b64encode_as_string

from generator.job import Job
from generator.request import InvalidRequest
from webapp import similar
from webapp.client import client
from webapp.dialects.answer import answered
from webapp.dialects.body import checked, read_json
from webapp.dialects.description import FORM, JSON, STREAM, Description, described
from webapp.dialects.job_stream import stream
from webapp.dialects.openai_image_answers import ImageData, Images
from webapp.dialects.openai_image_events import ImageEvents, painted_of
from webapp.dialects.openai_image_options import Delivery, Generation, Options
from webapp.dialects.work import Painted, outcomes, read_picture, start
from webapp.logs import log_end_of
from webapp.order import TO_BE_CAPTIONED, Order
from webapp.services import services

bp = Blueprint("images", __name__, url_prefix="/images")

NO_PICTURE = "is missing: send a picture as a file of a form (multipart/form-data)."
ONE_PICTURE = "holds several pictures: send one."
NO_EDITS = (
    "cannot be edited: this server paints from words alone, and has no image-to-image."
    " For a similar image, send the picture to /v1/images/variations."
)
NO_MASK = (
    "is not supported: this server paints from words alone, and repaints no part of a picture."
)


@bp.post("/generations")
@described(Description(Generation, (JSON,), (JSON, STREAM), answer=Images))
def generate() -> Response:
    """Paints words."""
    wanted = checked(Generation, read_json(request))
    info = services().generator.info
    generations = wanted.requests(info, wanted.prompt)
    return _answer(wanted.delivery, lambda: start(generations))


@bp.post("/variations")
@described(Description(Options, (FORM,), (JSON, STREAM), answer=Images))
def vary() -> Response:
    """Captions a picture and paints its caption; ``revised_prompt`` is what was painted."""
    wanted, info = checked(Options, request.form.to_dict()), services().generator.info
    delivery, picture = wanted.delivery, read_picture(_uploaded())
    like = info.nearest_size(*picture.size)
    order = Order(tuple(wanted.requests(info, TO_BE_CAPTIONED, like)))
    return _answer(delivery, lambda: _similar(picture, order))


@bp.post("/edits")
@described(Description(Generation, (FORM, JSON), answers=(), statuses=(400,)))
def edit() -> Response:
    """Always a 400, which says what there is instead."""
    if "mask" in request.files or "mask" in request.form:
        raise InvalidRequest("mask", NO_MASK)
    raise InvalidRequest("image", NO_EDITS)


def _similar(picture: Image.Image, order: Order) -> list[Job]:
    jobs = similar.start(services(), picture, order, client())
    for job in jobs:
        log_end_of(job)
    return jobs


def _uploaded() -> bytes:
    """The one picture of a form, by either of the names that clients give it."""
    files = [*request.files.getlist("image"), *request.files.getlist("image[]")]
    if len(files) != 1:
        raise InvalidRequest("image", ONE_PICTURE if files else NO_PICTURE)
    data: bytes = files[0].read()
    return data


def _answer(delivery: Delivery, begin: Callable[[], list[Job]]) -> Response:
    if delivery.is_stream:
        return stream(begin, ImageEvents(delivery).tell)
    jobs = begin()
    outcomes(jobs)
    return answered(_images([painted_of(job) for job in jobs], delivery))


def _images(painted: list[Painted], delivery: Delivery) -> Images:
    return Images(
        created=int(time.time()),
        output_format=delivery.format.name,
        size=f"{painted[0].request.width}x{painted[0].request.height}",
        data=[_image(each, delivery) for each in painted],
    )


def _image(painted: Painted, delivery: Delivery) -> ImageData:
    data = delivery.format.encode(painted, delivery.quality)
    return ImageData(
        b64_json=b64encode_as_string(data),
        revised_prompt=painted.request.prompt,
        seed=painted.request.seed,
    )
