"""The status and the sentence of each exception. No client is shown a traceback."""

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MisdirectedRequest,
    RequestEntityTooLarge,
)

from captioner.images import InvalidImage
from generator.queue import QueueFull
from generator.request import InvalidRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp import door
from webapp.access import method_and_route
from webapp.dialects.dialect import Told, dialect_of
from webapp.environ import REFUSAL
from webapp.failures import ClientLeft, PictureTooLarge, UnknownModel, WorkFailed
from webapp.job_store import UnknownJob

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], int] = {
    InvalidImage: 400,
    InvalidRequest: 400,
    UnknownJob: 404,
    QueueFull: 429,
    EngineClosed: 503,
    MemoryError: 503,
    UnknownModel: 404,
    WorkFailed: 500,
    ClientLeft: 499,  # as nginx has it; nobody reads it but the log
}

NO_ROOM = "There is not enough free memory for this: try again in a minute."

SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address takes other methods.",
    500: "Something failed in the server: its log says what.",
}


def init_app(app: Flask) -> None:
    handle_errors(app, error_response)


def handle_errors(scaffold: Flask | Blueprint, handler: Callable[[Exception], Response]) -> None:
    """Has ``handler`` answer for each kind of error that views raise."""
    for kind in (*STATUS, HTTPException):
        scaffold.register_error_handler(kind, handler)


def error_response(error: Exception) -> Response:
    """A dialect's own shape, JSON ``{"error", "field"}`` for our programs, a page for people."""
    if dialect := dialect_of(request):
        told = Told(message_of(error), status(error), getattr(error, "field", None))
        response = dialect.error_body(told)
    elif wants_json():
        response = jsonify(error=message_of(error), field=getattr(error, "field", None))
    elif isinstance(error, MisdirectedRequest):  # a page's links would lead to the foreign name
        response = Response(message_of(error), mimetype="text/plain")
    elif isinstance(error, door.AT_THE_DOOR):
        response = door.page(error)
    else:
        page = render_template("error.html", error=message_of(error), status=status(error))
        response = Response(page)
    return with_status(response, error)


def with_status(response: Response, error: Exception) -> Response:
    """The response with the error's status and headers, and with Retry-After if it is known."""
    response.status_code = status(error)
    response.headers["Cache-Control"] = "no-store"  # another try may go well
    if isinstance(error, HTTPException):  # such as Allow; the body is ours
        response.headers.extend(h for h in error.get_headers() if h[0] != "Content-Type")
    if isinstance(error, QueueFull):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, MemoryError):
        log.warning("out of memory: %s %s", *method_and_route(request))
    if response.status_code == 503:
        response.headers.setdefault("Retry-After", "60")
    return response


def status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.code or 500
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def message_of(error: Exception) -> str:
    """The sentence for the client."""
    if isinstance(error, RequestEntityTooLarge):
        unread = request.environ.get(REFUSAL) is not None or isinstance(error, PictureTooLarge)
        if unread or (request.content_length or 0) > (request.max_content_length or 0):
            megabytes = current_app.config["MAX_UPLOAD_MB"]
            return f"The upload is too large: send a picture of at most {megabytes} MB."
        return "The form's fields are too many or too long: send the picture and its options alone."
    if isinstance(error, InternalServerError):
        return SENTENCES[500]
    if isinstance(error, MemoryError):
        return NO_ROOM
    if isinstance(error, HTTPException):
        return SENTENCES.get(error.code or 500, error.description or error.name)
    return str(error)


def wants_json() -> bool:
    """True for API addresses, and if ``Accept`` prefers JSON to HTML."""
    accept = request.accept_mimetypes
    # By the path, as a request with a wrong method has no view.
    is_api = request.path.strip("/") in ("generate-image", "caption")
    return is_api or accept["application/json"] > accept["text/html"]
