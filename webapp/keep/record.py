"""A job as JSON, and back: what was asked, what was said of the picture, how it ended."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from PIL import Image

from generator.job import Cancelled, Failed, Job, Outcome, Progress, Queued, Succeeded
from generator.request import GenerationRequest
from webapp.captioning import Captioned, captioned
from webapp.job_store import Entry, Original
from webapp.order import Order


class Damaged(ValueError):
    """The text is not what ``format_record`` writes."""


def format_record(entry: Entry, outcome: Outcome | None) -> str:
    """Without an outcome the job is to be queued again."""
    job, said = entry.job, captioned(entry.job)
    record = {
        "client": job.client,
        "siblings": entry.siblings,
        "original": {"size": entry.original.size, "fields": dict(entry.original.fields)},
        "order": asdict(entry.order),
        "captioned": said and {"caption": said.caption, "is_familiar": said.is_familiar},
        "request": job.request and asdict(job.request),
        "progress": outcome and job.progress and asdict(job.progress),
        "outcome": outcome and {"status": outcome.status, **_facts(outcome)},
    }
    return json.dumps(record)


def parse_record(
    job_id: str,
    original_id: str,
    text: str,
    *,
    read_original: Callable[[], bytes],
    read_image: Callable[[], Image.Image],
    read_png: Callable[[], bytes],
) -> Entry:
    """Raises Damaged."""
    try:
        record = json.loads(text)
        size, fields = record["original"]["size"], record["original"]["fields"]
        return Entry(
            _job(job_id, record, read_image),
            Original(read_original, (int(size[0]), int(size[1])), dict(fields), original_id),
            _order(record["order"]),
            tuple(record["siblings"]),
            read_png,
        )
    except (LookupError, TypeError, ValueError) as error:
        raise Damaged(job_id) from error


def _facts(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Succeeded(_, unseen_words, fast_path):
            return {"unseen_words": unseen_words, "fast_path": fast_path}
        case Failed(error):
            return {"error": error}
    return {}


def _job(job_id: str, record: Any, read_image: Callable[[], Image.Image]) -> Job:
    """With the events that tell what became of it."""
    job = Job(record["client"], job_id)
    if said := record["captioned"]:
        job.publish(Captioned(**said))
    if request := record["request"]:
        job.publish(Queued(GenerationRequest(**request)))
    if progress := record["progress"]:
        job.publish(Progress(**progress))
    if outcome := record["outcome"]:
        job.publish(_outcome(outcome, read_image))
    return job


def _outcome(outcome: Any, read_image: Callable[[], Image.Image]) -> Outcome:
    match outcome["status"]:
        case Succeeded.status:
            return Succeeded(read_image, tuple(outcome["unseen_words"]), outcome["fast_path"])
        case Failed.status:
            return Failed(outcome["error"])
        case Cancelled.status:
            return Cancelled()
    raise ValueError(outcome["status"])


def _order(order: Any) -> Order:
    requests = tuple(GenerationRequest(**each) for each in order["requests"])
    return Order(requests, order["prompt"], dict(order["caption"]), bool(order["keeps_tics"]))
