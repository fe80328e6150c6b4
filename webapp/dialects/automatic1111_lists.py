"""AUTOMATIC1111's options and lists: the one model and sampler that are here, and empty ones.

Front ends fill their drop-downs from them, and some stop if one is missing.
"""

from flask import Response, request

from webapp.dialects.answer import answered
from webapp.dialects.automatic1111_answers import (
    Embeddings,
    Model,
    Nothing,
    Options,
    Sampler,
    Scheduler,
    Scripts,
)
from webapp.dialects.body import read_json
from webapp.dialects.description import JSON, Description, described
from webapp.dialects.dialect import AnySlash
from webapp.services import services

bp = AnySlash("lists", __name__)


@bp.get("/options")
@described(Description(answer=Options))
def options() -> Response:
    """The options that clients read."""
    return answered(Options(sd_model_checkpoint=services().generator.info.name))


@bp.post("/options")
@described(Description(takes=(JSON,), answer=None))
def set_options() -> Response:
    """Takes any options and changes nothing: there is one model, and it answers to any name."""
    read_json(request)
    return answered(None)


@bp.get("/sd-models")
@described(Description(answer=list[Model]))
def models() -> Response:
    """The one painter that runs."""
    name = services().generator.info.name
    return answered([Model(title=name, model_name=name)])


@bp.get("/samplers")
@described(Description(answer=list[Sampler]))
def samplers() -> Response:
    """The checkpoint's own; whatever clients name, it is used."""
    return answered([Sampler(name=services().generator.info.sampler)])


@bp.get("/schedulers")
@described(Description(answer=list[Scheduler]))
def schedulers() -> Response:
    """The one that comes with the sampler."""
    return answered([Scheduler()])


@bp.get("/scripts")
@described(Description(answer=Scripts))
def scripts() -> Response:
    """None for either."""
    return answered(Scripts())


@bp.get("/embeddings")
@described(Description(answer=Embeddings))
def embeddings() -> Response:
    """None, by either word."""
    return answered(Embeddings())


@bp.get("/cmd-flags")
@described(Description(answer=Nothing))
def flags() -> Response:
    """None that its clients could use."""
    return answered(Nothing())


@bp.get("/upscalers")
@bp.get("/latent-upscale-modes")
@bp.get("/sd-vae")
@bp.get("/sd-modules")
@bp.get("/loras")
@bp.get("/hypernetworks")
@bp.get("/face-restorers")
@bp.get("/realesrgan-models")
@bp.get("/prompt-styles")
@bp.get("/script-info")
@described(Description(answer=list[Nothing]))
def nothing() -> Response:
    """None of these are here."""
    return answered([])


@bp.post("/refresh-checkpoints")
@bp.post("/refresh-loras")
@bp.post("/refresh-vae")
@described(Description(answer=None))
def refresh() -> Response:
    """Has nothing to look for: what runs was chosen at the start."""
    return answered(None)
