"""OpenAI's API: ``/v1/images``, ``/v1/chat/completions``, ``/v1/responses`` and ``/v1/models``.

Its clients: the ``openai`` packages, Open WebUI, LangChain, PhotoPrism and many more, with
``http://127.0.0.1:8000/v1`` as their address. They hard-code names of models that run elsewhere,
so any name is taken: each address has one model that can answer.
"""

from typing import Literal

from flask import Blueprint, Request, Response

from webapp.dialects import openai_captions, openai_images
from webapp.dialects.answer import Answer, answered
from webapp.dialects.description import Description, described
from webapp.dialects.dialect import Dialect
from webapp.dialects.openai_errors import error_body
from webapp.failures import UnknownModel
from webapp.services import ModelCard, services

bp = Blueprint("openai", __name__, url_prefix="/v1")
bp.register_blueprint(openai_images.bp)
bp.register_blueprint(openai_captions.bp)


class Model(Answer):
    """``role`` is ours: OpenAI does not say what a model is for."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str
    role: str


class Models(Answer):
    object: Literal["list"] = "list"
    data: list[Model]


@bp.get("/models")
@described(Description(answer=Models))
def models() -> Response:
    """The two models that run."""
    return answered(Models(data=[_model(card) for card in services().models]))


@bp.get("/models/<path:name>")
@described(Description(statuses=(404,), answer=Model))
def model(name: str) -> Response:
    """One of the two models that run."""
    cards = {card.name: card for card in services().models}
    if name not in cards:
        raise UnknownModel(name, cards)
    return answered(_model(cards[name]))


def _model(card: ModelCard) -> Model:
    owner = card.name.rpartition("/")[0] or "lookalike"
    return Model(id=card.name, owned_by=owner, role=card.role)


def _owns(request: Request) -> bool:
    return request.path == "/v1" or request.path.startswith("/v1/")


DIALECT = Dialect(bp, _owns, error_body)
