"""``/healthz``: is the process sound. ``/readyz``: may work be sent here."""

from flask import Blueprint, Response, jsonify, request

from webapp.services import services

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """503 when an engine's thread has died: the process is to be restarted."""
    return _answer(services().are_alive, "ok", "an engine has died")


@bp.get("/readyz")
def readyz() -> Response:
    """503 also while the server drains."""
    draining = bool(request.environ.get("lookalike.draining"))
    return _answer(services().are_alive and not draining, "ready", "not ready")


def _answer(is_well: bool, well: str, unwell: str) -> Response:
    response = jsonify(status=well if is_well else unwell)
    response.status_code = 200 if is_well else 503
    return response
