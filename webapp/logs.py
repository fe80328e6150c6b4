"""The log: lines of text or JSON, one for each request and each job that ends.

Requests are named by their route, since addresses hold invitations and open jobs.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from flask import Flask, Response, current_app, has_request_context, request

from generator.job import Failed, Job
from webapp.access import Access, AccessLog, access_of, client_name, method_and_route
from webapp.environ import ACCESS

log = logging.getLogger(__name__)

MAX_RECENT = 20


class LogFormat(StrEnum):
    """How ``--log-format`` wants the lines."""

    TEXT = "text"
    JSON = "json"


def init_app(app: Flask) -> None:
    app.wsgi_app = AccessLog(app.wsgi_app, log_request)  # type: ignore[method-assign]
    app.after_request(_note)
    app.log_exception = _log_exception  # type: ignore[method-assign]  # Flask's tells the path


def configure(kind: LogFormat) -> "Recent":
    """Writes the process's log to stderr from now on; what it returns keeps the last problems."""
    stream, recent = logging.StreamHandler(), Recent()
    stream.setFormatter(JsonFormatter() if kind is LogFormat.JSON else TextFormatter())
    logging.basicConfig(handlers=[stream, recent])
    logging.captureWarnings(True)
    logging.getLogger("webapp").setLevel(logging.INFO)
    # waitress warns whenever a request waits for a thread; that is normal here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return recent


def log_request(access: Access) -> None:
    """One line for a request, after the last byte of its answer."""
    fields = access.fields()
    text = "{method} {route} {status} {ms} ms {bytes} bytes {client}".format_map(fields)
    log.info(text, extra={"fields": {"event": "request", **fields}})


def log_end_of(job: Job) -> None:
    """One line when the job ends, which names the request that asks for it now."""
    asked = {"client": client_name(), "request_id": access_of(request).request_id}
    _log_at_the_end(job, asked, current_app.config["LOG_PROMPTS"])


def log_end_of_resumed(job: Job, with_prompt: bool) -> None:
    """The same for a job of an earlier start: its request was logged then."""
    key_name, _, address = job.client.partition(" ")
    _log_at_the_end(job, {"client": key_name or address}, with_prompt)


def _log_at_the_end(job: Job, asked: Mapping[str, str], with_prompt: bool) -> None:
    job.when_finished(partial(_log_end, job, asked, time.monotonic(), with_prompt))


def _log_end(job: Job, asked: Mapping[str, str], began: float, with_prompt: bool) -> None:
    milliseconds = round(1000 * (time.monotonic() - began))
    fields: dict[str, Any] = {"event": "job", "job": job.short_id, "status": job.status}
    fields |= {"ms": milliseconds, **asked}
    if isinstance(job.outcome, Failed):
        fields["error"] = job.outcome.error
    if generation := job.request:
        fields |= {"width": generation.width, "height": generation.height}
        fields["num_inference_steps"] = generation.num_inference_steps
        if with_prompt:
            fields["prompt"] = generation.prompt
    said = f": {fields['prompt']}" if "prompt" in fields else ""
    text = "job {job} {status} after {ms} ms {client}".format_map(fields)
    log.info("%s%s", text, said, extra={"fields": fields})


def _note(response: Response) -> Response:
    """Tells the line of this request what only the app knows."""
    access = access_of(request)
    access.method, access.route = method_and_route(request)
    access.client = client_name()
    return response


def _log_exception(exc_info: Any) -> None:
    log.error("a request failed: %s %s", *method_and_route(request), exc_info=exc_info)


class TextFormatter(logging.Formatter):
    """A line for each event. A traceback follows it, indented: nothing in it looks like a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        named = f" [{fields['request_id']}]" if "request_id" in fields else ""
        when = self.formatTime(record)
        head = f"{when} {record.levelname} {record.name}: {record.getMessage()}"
        lines = [printable(head) + named]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        return "\n    ".join([lines[0], *map(printable, lines[1:])])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: in ASCII, so that nothing in it ends the line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the event is made of, and the request in whose thread it happened."""
    access = request.environ.get(ACCESS) if has_request_context() else None
    return ({"request_id": access.request_id} if access else {}) | getattr(record, "fields", {})


def printable(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or turns its letters around."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning or an error of the log. ``error`` is the exception's class; "" without one."""

    time: datetime
    level: str
    message: str
    error: str


class Recent(logging.Handler):
    """Keeps the last warnings and errors, without what an exception says: that may be a prompt."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._problems: deque[Problem] = deque(maxlen=MAX_RECENT)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, one record at a time."""
        kind = record.exc_info[0] if record.exc_info else None
        self._problems.append(
            Problem(
                datetime.fromtimestamp(record.created, UTC),
                record.levelname,
                printable(record.getMessage()),
                kind.__name__ if kind else "",
            )
        )

    @property
    def problems(self) -> list[Problem]:
        """The newest first."""
        return list(self._problems)[::-1]
