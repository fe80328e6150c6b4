"""Whether the process is sound and may be sent work, and how far its models are loaded."""

from flask import Blueprint, Response, request

from models_cache.runtime.loading import LoadProgress
from webapp.dialects.answer import Answer, answered
from webapp.dialects.description import Description, described
from webapp.environ import DRAINING
from webapp.services import services
from webapp.studio import server_state

bp = Blueprint("health", __name__)


class Health(Answer):
    status: str


class Model(Answer):
    """``stage`` is what is done to it; it is warm once it is no longer told."""

    name: str
    stage: str
    loaded_bytes: int
    total_bytes: int


class Loading(Answer):
    """``state`` are the words of the page's header."""

    models: list[Model]
    state: str


@bp.get("/healthz")
@described(Description(answer=Health))
def healthz() -> Response:
    """503 if an engine's thread has died: restart the process. Also while no replica is there."""
    is_away = services().lack_replicas
    unwell = "no replica can be reached" if is_away else "an engine has died"
    return _answer(services().are_alive, "ok", unwell)


@bp.get("/readyz")
@described(Description(answer=Health))
def readyz() -> Response:
    """503 also while models are loading, and while the server drains."""
    draining = bool(request.environ.get(DRAINING))
    unwell = "loading" if services().unfinished_loading and not draining else "not ready"
    return _answer(services().are_ready and not draining, "ready", unwell)


@bp.get("/loading")
@described(Description(answer=Loading))
def loading() -> Response:
    """The progress of loading, and the header's words; 200 also if nothing is left to load."""
    models = [_model(each) for each in services().unfinished_loading]
    return answered(Loading(models=models, state=server_state()))


def _model(loading: LoadProgress) -> Model:
    return Model(
        name=loading.name,
        stage=loading.stage,
        loaded_bytes=loading.loaded_bytes,
        total_bytes=loading.total_bytes,
    )


def _answer(is_well: bool, well: str, unwell: str) -> Response:
    response = answered(Health(status=well if is_well else unwell))
    response.status_code = 200 if is_well else 503
    return response
