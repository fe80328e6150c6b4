"""``/jobs/<id>``: a job's page or JSON, its events, its two pictures, and its cancel button."""

import json
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import Conflict, ServiceUnavailable

from generator.job import Event, Failed, Job, Progress, Queued, Succeeded
from generator.png import png_bytes
from webapp.captioning import Captioned, caption_of
from webapp.errors import wants_json
from webapp.services import services

bp = Blueprint("jobs", __name__, url_prefix="/jobs")

# Writing is also how we notice that a reader has gone.
HEARTBEAT_SECONDS = 10.0


@bp.get("/<job_id>")
def show(job_id: str) -> Response | str:
    job = services().jobs.get(job_id).job
    if wants_json():
        response = jsonify(format_job(job))
    else:
        info = services().generator.info
        loadings = services().unfinished_loading
        page = render_template("job.html", view=format_job(job), info=info, loadings=loadings)
        response = Response(page)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response


def format_job(job: Job) -> dict[str, object]:
    status = job.status  # read first: the events that it implies are there by now
    progress, outcome, generation = job.progress, job.outcome, job.request
    return {
        "id": job.id,
        "status": status,
        "caption": caption_of(job),
        "prompt": generation and generation.prompt,
        "negative_prompt": generation and generation.negative_prompt,
        "seed": generation and generation.seed,
        "width": generation and generation.width,
        "height": generation and generation.height,
        "guidance_scale": generation and generation.guidance_scale,
        "step": progress.step if progress else 0,
        "num_steps": progress.num_steps if progress else None,
        "num_inference_steps": generation and generation.num_inference_steps,
        "unseen_words": list(outcome.unseen_words) if isinstance(outcome, Succeeded) else [],
        "error": outcome.error if isinstance(outcome, Failed) else None,
    }


@bp.get("/<job_id>/events")
def events(job_id: str) -> Response:
    """Server-sent events, from the first or from the one after ``Last-Event-ID``."""
    job = services().jobs.get(job_id).job
    last = request.headers.get("Last-Event-ID", "")
    start = int(last) + 1 if last.isdecimal() and len(last) < 9 else 0
    if job.is_finished and start >= len(job.events):
        return Response(status=204)  # tells a browser not to reconnect
    streams = services().streams
    if not streams.acquire(blocking=False):
        raise ServiceUnavailable("Too many pages follow their jobs: reload in a minute.")
    response = Response(format_events(job, start), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(streams.release)
    return response


def format_events(job: Job, start: int) -> Iterator[str]:
    yield ": the events of one job\n\n"  # sends the headers, which leave with the first bytes
    number = start
    for event in job.follow(start, HEARTBEAT_SECONDS):
        if event is None:
            yield ": still there\n\n"
            continue
        yield format_event(number, event)
        number += 1


def format_event(number: int, event: Event) -> str:
    data: dict[str, object] = {"status": event.status}
    match event:
        case Captioned(caption):
            data["caption"] = caption
        case Queued(generation):
            data["prompt"] = generation.prompt
        case Progress(step, num_steps):
            data |= {"step": step, "num_steps": num_steps}
        case Failed(error):
            data["error"] = error
    name = type(event).__name__.lower()
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


@bp.get("/<job_id>/original.jpg")
def original(job_id: str) -> Response:
    """The uploaded picture, without its metadata."""
    return _picture(services().jobs.get(job_id).original, "image/jpeg")


@bp.get("/<job_id>/image.png")
def image(job_id: str) -> Response:
    """The image, with its parameters in a text chunk; 409 while there is none."""
    job = services().jobs.get(job_id).job
    outcome, generation = job.outcome, job.request
    if not isinstance(outcome, Succeeded) or generation is None:
        raise Conflict(f"This job is {job.status}: it has no image.")
    info = services().generator.info
    png = png_bytes(outcome.image, generation, model=info.name, sampler=info.sampler)
    response = _picture(png, "image/png")
    response.headers["Content-Disposition"] = f'inline; filename="lookalike-{generation.seed}.png"'
    return response


def _picture(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    # A job's pictures never change, and its id is known to its owner alone.
    response.headers["Cache-Control"] = "private, max-age=3600, immutable"
    return response


@bp.post("/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Ends the job before its next step; a job that has ended stays as it is."""
    job = services().jobs.get(job_id).job
    job.cancel()
    if wants_json():
        return jsonify(format_job(job))
    response: Response = redirect(url_for("jobs.show", job_id=job_id), 303)  # type: ignore[assignment]
    return response
