"""What waited or ran when the server ended is queued again: the same seeds, the same images."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from captioner.images import InvalidImage, read_image
from generator.job import Failed, Job
from generator.queue import QueueFull
from generator.request import InvalidRequest
from webapp import similar
from webapp.captioning import captioned
from webapp.job_store import Entry, Original, UnknownJob
from webapp.keep.archive import Archive
from webapp.keep.keeper import Keeper
from webapp.logs import log_end_of_resumed
from webapp.services import Services

# A job that ends the server each time must not do so for ever.
MOST_TRIES = 3
TOO_OFTEN = f"The server ended {MOST_TRIES + 1} times before this was painted: send it again."


def begin(archive: Archive, services: Services, log_prompts: bool) -> Keeper:
    """Queues the archive's unfinished jobs, and has all jobs kept once the keeper is started."""
    keeper = Keeper(archive, services.generator.info, services.jobs.held)
    services.jobs.disk = keeper
    unfinished = archive.unfinished()
    with suppress(sqlite3.Error):  # a full disk is no reason not to start
        archive.count_tries()
    for job in resume(services, unfinished):
        log_end_of_resumed(job, log_prompts)
    return keeper


def resume(services: Services, unfinished: Sequence[tuple[Entry, int]]) -> list[Job]:
    """Queues jobs in the order that is given, before those of anybody else. Their ids stay.

    Each comes with the number of times that this was done before.
    """
    entries = _with_originals([entry for entry, _ in unfinished])
    tried = {entry.job.id for entry, tries in unfinished if tries >= MOST_TRIES}
    jobs = [_failed(services, each, TOO_OFTEN) for each in entries if each.job.id in tried]
    for go in _by_go(each for each in entries if each.job.id not in tried):
        jobs += _queue(services, go)
    return jobs


def _with_originals(entries: Sequence[Entry]) -> list[Entry]:
    """With the originals in memory, where jobs of one picture share it.

    Without jobs whose original cannot be read.
    """
    originals: dict[str, Original] = {}
    found = []
    for entry in entries:
        with suppress(UnknownJob):
            original = originals.get(entry.original.id) or entry.original.in_memory()
            originals[original.id] = original
            found.append(replace(entry, original=original, saved_png=None))
    return found


def _by_go(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Those that wait for one caption together; each other one alone."""
    goes = groupby(entries, lambda each: each.job.id if each.job.request else each.siblings)
    return [list(go) for _, go in goes]


def _queue(services: Services, go: Sequence[Entry]) -> list[Job]:
    ids, client = [entry.job.id for entry in go], go[0].job.client
    try:
        jobs = services.generator.reserve(len(ids), client, ids)
    except QueueFull as error:
        return [_failed(services, entry, str(error)) for entry in go]
    services.jobs.put([replace(entry, job=job) for entry, job in zip(go, jobs, strict=True)])
    try:
        _start(services, go, jobs)
    except (InvalidRequest, InvalidImage) as error:
        for job in jobs:
            job.publish(Failed(f"This cannot be painted after a new start: {error}"))
    return jobs


def _start(services: Services, go: Sequence[Entry], jobs: list[Job]) -> None:
    """Raises InvalidRequest if the model is another now, which cannot paint this."""
    first = go[0]
    requests = [entry.job.request or entry.order.requests[0] for entry in go]
    for request in requests:
        services.generator.info.check(request)
    if first.job.request is None:
        order = replace(first.order, requests=tuple(requests))
        similar.caption(services, jobs, read_image(first.original.jpeg), order, first.job.client)
        return
    if said := captioned(first.job):
        jobs[0].publish(said)
    services.generator.submit(requests[0], jobs[0])


def _failed(services: Services, entry: Entry, sentence: str) -> Job:
    services.jobs.put([entry])
    entry.job.publish(Failed(sentence))
    return entry.job
