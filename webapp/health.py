"""``/healthz``: is the process sound. ``/readyz``: may work be sent here."""

from collections.abc import Sequence

from flask import Blueprint, Response, jsonify, request

from models_cache.loading import Loading
from webapp.services import services

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """503 when an engine's thread has died: the process is to be restarted."""
    return _answer(services().are_alive, "ok", "an engine has died")


@bp.get("/readyz")
def readyz() -> Response:
    """503 also while models are loading, which it then tells of, and while the server drains."""
    draining = bool(request.environ.get("lookalike.draining"))
    if (loadings := services().unfinished_loadings) and not draining:
        return _answer(False, "", "loading", [_describe(loading) for loading in loadings])
    return _answer(services().are_ready and not draining, "ready", "not ready")


def _describe(loading: Loading) -> dict[str, object]:
    return {
        "name": loading.name,
        "stage": loading.stage,
        "loaded_bytes": loading.loaded_bytes,
        "total_bytes": loading.total_bytes,
    }


def _answer(is_well: bool, well: str, unwell: str, models: Sequence[object] = ()) -> Response:
    response = jsonify(status=well if is_well else unwell, **({"models": models} if models else {}))
    response.status_code = 200 if is_well else 503
    return response
