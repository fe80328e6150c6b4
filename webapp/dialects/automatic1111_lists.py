"""AUTOMATIC1111's options and lists: the one model and sampler that are here, and empty ones.

Front ends fill their drop-downs from them, and some stop if one is missing.
"""

from flask import Blueprint, Response, jsonify, request

from webapp.dialects.body import read_json
from webapp.dialects.description import JSON, Description, described
from webapp.services import services

bp = Blueprint("lists", __name__)


@bp.get("/options")
@described(Description())
def options() -> Response:
    """The options that clients read. ``samples_format`` is that of the images in answers."""
    return jsonify(sd_model_checkpoint=services().generator.info.name, samples_format="png")


@bp.post("/options")
@described(Description(takes=(JSON,)))
def set_options() -> Response:
    """Takes any options and changes nothing: there is one model, and it answers to any name."""
    read_json(request)
    return jsonify(None)


@bp.get("/sd-models")
@described(Description())
def models() -> Response:
    """The one painter that runs."""
    name = services().generator.info.name
    known = {"title": name, "model_name": name, "filename": ""}
    return jsonify([known | dict.fromkeys(("hash", "sha256", "config"))])


@bp.get("/samplers")
@described(Description())
def samplers() -> Response:
    """The checkpoint's own; whatever clients name, it is used."""
    return jsonify([{"name": services().generator.info.sampler, "aliases": [], "options": {}}])


@bp.get("/schedulers")
@described(Description())
def schedulers() -> Response:
    """The one that comes with the sampler."""
    automatic = {"name": "automatic", "label": "Automatic", "aliases": []}
    return jsonify([automatic | {"default_rho": -1.0, "need_inner_model": False}])


@bp.get("/scripts")
@described(Description())
def scripts() -> Response:
    """None for either."""
    return jsonify(txt2img=[], img2img=[])


@bp.get("/embeddings")
@described(Description())
def embeddings() -> Response:
    """None, by either word."""
    return jsonify(loaded={}, skipped={})


@bp.get("/cmd-flags")
@described(Description())
def flags() -> Response:
    """None that its clients could use."""
    return jsonify({})


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
@described(Description())
def nothing() -> Response:
    """None of these are here."""
    return jsonify([])


@bp.post("/refresh-checkpoints")
@bp.post("/refresh-loras")
@bp.post("/refresh-vae")
@described(Description())
def refresh() -> Response:
    """Has nothing to look for: what runs was chosen at the start."""
    return jsonify(None)
