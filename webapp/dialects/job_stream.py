"""A stream of server-sent events about jobs, which end if their reader leaves."""

from collections.abc import Callable, Iterator, Mapping

from flask import Response, json, stream_with_context
from werkzeug.exceptions import ServiceUnavailable

from generator.job import Job
from webapp.dialects.description import STREAM
from webapp.services import services

# Writing is also how we notice that a reader has gone.
HEARTBEAT_SECONDS = 2.0
# A comment, which every reader of events passes over.
ALIVE = ": alive\n\n"
TOO_MANY = "Too many streams are open: try again in a minute, or without a stream."


def stream(begin: Callable[[], list[Job]], tell: Callable[[list[Job]], Iterator[str]]) -> Response:
    """Begins jobs and tells of them. Raises ServiceUnavailable, and what ``begin`` raises."""
    streams = services().streams
    if not streams.acquire(blocking=False):
        raise ServiceUnavailable(TOO_MANY)
    try:
        jobs = begin()
    except BaseException:
        streams.release()
        raise
    response = Response(stream_with_context(_events(jobs, tell)), mimetype=STREAM)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: _end(jobs))
    response.call_on_close(streams.release)
    return response


def _events(jobs: list[Job], tell: Callable[[list[Job]], Iterator[str]]) -> Iterator[str]:
    yield ALIVE  # sends the headers, which leave with the first bytes
    yield from tell(jobs)


def _end(jobs: list[Job]) -> None:
    for job in jobs:
        job.cancel()


def event(name: str, data: Mapping[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
