"""``/jobs/<id>``: a job's page or JSON, its events, and what may be done with it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import ServiceUnavailable

from generator.desk import Desk
from generator.job import Event, Failed, Job, Previewed, Progress, Queued, Succeeded
from generator.queue import QueueFull
from generator.request import InvalidRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp import mine, similar, studio
from webapp.captioning import Captioned, captioned
from webapp.client import client
from webapp.dialects.answer import Answer, answered
from webapp.dialects.description import FORM, HTML, JSON, STREAM, Description, described
from webapp.errors import error_response, wants_json, with_status
from webapp.fields import Again
from webapp.job_store import Entry, UnknownJob
from webapp.order import parse_order
from webapp.pages import started, told, with_problems
from webapp.services import services
from webapp.studio import JobView, format_job

bp = Blueprint("jobs", __name__, url_prefix="/jobs")

# As Accept prefers.
PAGE = (HTML, JSON)


class Deleted(Answer):
    """The ids of the jobs that are gone."""

    deleted: list[str]


# Writing is also how we notice that a reader has gone.
HEARTBEAT_SECONDS = 2.0  # the page calls a line lost after five


@bp.get("/<job_id>")
@described(Description(answers=PAGE, answer=JobView))
def show(job_id: str) -> Response:
    """A job, as a page or as JSON."""
    entry = services().jobs.get(job_id)
    body = answered(format_job(entry)) if wants_json() else Response(studio.of_job(entry))
    body.headers["Cache-Control"] = "no-store"
    body.headers["Vary"] = "Accept"
    return body


@bp.get("/<job_id>/full-screen")
@described(Description(answers=(HTML,), statuses=(303,)))
def full_screen(job_id: str) -> Response:
    """Both pictures and large words, for an audience; 303 to the job until it has an image."""
    entry = services().jobs.get(job_id)
    if isinstance(entry.job.outcome, Succeeded):
        return Response(render_template("show.html", view=format_job(entry)))
    return back(job_id)


@bp.get("/<job_id>/again")
@bp.get("/<job_id>/cancel")
@described(Description(answers=(), statuses=(303,)))
def back(job_id: str) -> Response:
    """For a browser that reloads what was answered to its form."""
    response: Response = redirect(url_for("jobs.show", job_id=job_id), 303)  # type: ignore[assignment]
    return response


@bp.post("/<job_id>/again")
@described(Description(Again, (FORM,), (), (303,)))
def again(job_id: str) -> Response:
    """Paints the edited words; 303 to the first new job's page, at once.

    The new jobs keep the same original. ``keep_seed`` paints with this job's seed.
    """
    entry = services().jobs.get(job_id)
    try:
        return _again(entry)
    except (InvalidRequest, QueueFull, EngineClosed) as error:
        if wants_json():
            return with_problems(error_response(error), error)
        return with_status(Response(studio.of_job(entry, *told(error))), error)


def _again(entry: Entry) -> Response:
    generation, info = entry.job.request, services().generator.info
    original = entry.original.in_memory()
    seed = generation.seed if generation else None
    fields = {"prompt": "", **request.form.to_dict()}
    order = parse_order(fields, info, entry.original.size, seed)
    jobs = similar.again(services(), order, str(order.prompt), captioned(entry.job), client())
    return started(jobs, original, order)


@bp.get("/<job_id>/events")
@described(Description(answers=(STREAM,), statuses=(204,)))
def events(job_id: str) -> Response:
    """Server-sent events, from the first or from the one after ``Last-Event-ID``."""
    job = services().jobs.get(job_id).job
    last = request.headers.get("Last-Event-ID", "")
    start = int(last) + 1 if last.isdecimal() and len(last) < 9 else 0
    if job.is_finished and start >= len(job.events):
        return Response(status=204)  # tells a browser not to reconnect
    if start > len(job.events):  # a number of an earlier start, which had got further
        start = 0
    streams = services().streams
    if not streams.acquire(blocking=False):
        raise ServiceUnavailable("Too many pages follow their jobs: reload in a minute.")
    response = Response(
        format_events(services().generator, job, start), mimetype="text/event-stream"
    )
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(streams.release)
    return response


def format_events(engine: Desk[Any, Any], job: Job, start: int) -> Iterator[str]:
    yield ": the events of one job\n\n"  # sends the headers, which leave with the first bytes
    number = start
    for event in job.follow(start, HEARTBEAT_SECONDS):
        if event is None:
            yield "event: alive\ndata: {}\n\n"
            continue
        yield format_event(number, event, engine.outlook(job).seconds)
        number += 1


def format_event(number: int, event: Event, seconds: int | None = None) -> str:
    data: dict[str, object] = {"status": event.status}
    match event:
        case Captioned(caption, is_familiar):
            data |= {"caption": caption, "is_familiar": is_familiar}
        case Queued(generation):
            data["prompt"] = generation.prompt
        case Progress(step, num_steps):
            data |= {"step": step, "num_steps": num_steps, "seconds": seconds}
        case Previewed(step):
            data["step"] = step
        case Failed(error):
            data["error"] = error
    name = type(event).__name__.lower()
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


@bp.post("/<job_id>/cancel")
@described(Description(answers=PAGE, answer=JobView))
def cancel(job_id: str) -> Response:
    """Ends the job before its next step; a job that has ended stays as it is.

    The page that follows has the words and options as they were typed by then.
    """
    entry = services().jobs.get(job_id)
    entry.job.cancel()
    return answered(format_job(entry)) if wants_json() else Response(studio.of_job(entry))


@bp.post("/<job_id>/delete")
@described(Description(statuses=(303,), answer=Deleted))
def delete(job_id: str) -> Response:
    """Forgets a job and its pictures; 303 to the page."""
    services().jobs.delete(job_id)
    return _gone([job_id])


@bp.post("/delete")
@described(Description(statuses=(303,), answer=Deleted))
def delete_all() -> Response:
    """Forgets all jobs of this browser; 303 to the page."""
    ids = [entry.job.id for entry in mine.entries(request, services().jobs)]
    for job_id in ids:
        with suppress(UnknownJob):  # forgotten meanwhile
            services().jobs.delete(job_id)
    return _gone(ids)


def _gone(job_ids: list[str]) -> Response:
    home: Response = redirect(url_for("pages.index"), 303)  # type: ignore[assignment]
    response = answered(Deleted(deleted=job_ids)) if wants_json() else home
    mine.forget(request, response, job_ids)
    return response
