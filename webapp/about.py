"""``/about``: what runs here and what it keeps. ``/api``: how programs call it."""

from flask import Blueprint, current_app, render_template, request

from webapp import mine
from webapp.dialects.description import HTML, Description, described
from webapp.services import services

bp = Blueprint("about", __name__)


@bp.get("/about")
@described(Description(answers=(HTML,)))
def about() -> str:
    """What runs here, what it keeps, and who answers for it."""
    fast_path = services().generator.fast_path
    return render_template(
        "about.html",
        models=services().models,
        info=services().generator.info,
        seconds_a_step=services().generator.seconds_a_step,
        jobs=services().jobs,
        most_remembered=mine.MOST,
        knows_photos=services().knows_photos,
        cuda_problem=services().cuda_problem,
        verdicts=[*services().captioner.verdicts, *(fast_path.verdicts if fast_path else ())],
    )


@bp.get("/api")
@described(Description(answers=(HTML,)))
def api() -> str:
    """How programs call the image API."""
    return render_template(
        "api.html", info=services().generator.info, url=f"{request.url_root}generate-image"
    )


def is_api_port() -> bool:
    """Whether the request came to the image API's port."""
    return request.environ.get("SERVER_PORT") == str(current_app.config["API_PORT"])
