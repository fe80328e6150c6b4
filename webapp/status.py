"""``/status``: the server's owner sees how it is. A page without scripts: reload it."""

from flask import Blueprint, Response, current_app, render_template

from webapp.dialects.description import HTML, Description, described
from webapp.metrics import metrics, sum_of
from webapp.services import services

bp = Blueprint("status", __name__)


@bp.get("/status")
@described(Description(answers=(HTML,)))
def status() -> Response:
    """How the server is, for its owner."""
    now = services()
    captioned, painted = now.captioner.tally.totals(), now.generator.tally.totals()
    page = render_template(
        "status.html",
        services=now,
        stats=now.generator.stats(),
        captions=captioned.made,
        seconds=captioned.seconds | painted.seconds,
        failures=sum_of(captioned.failures, painted.failures),
        gpu=now.gpu_memory(),
        resident_bytes=resident_bytes(),
        versions=current_app.config["VERSIONS"],
        problems=now.recent.problems,
    )
    response = Response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def resident_bytes() -> float | None:
    """The process's memory; None where the system does not tell, as on macOS."""
    return metrics().registry.get_sample_value("process_resident_memory_bytes")
