"""Every picture once, many of them at once, each over a connection of its own."""

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException

from scripts.benchmarks import client
from scripts.benchmarks.server_process import Server

ACCEPTED, REFUSED, FULL = 303, 400, 429


@dataclass(frozen=True, slots=True)
class Answer:
    """``seconds`` are from the first byte sent to the whole answer. ``job`` is its address.

    ``status`` is 0 if the connection ended without one.
    """

    name: str
    status: int
    seconds: float
    job: str | None


@dataclass(frozen=True, slots=True)
class Round:
    """``held_bytes`` is what the server holds in memory after it."""

    answers: Sequence[Answer]
    held_bytes: int

    def count(self, status: int) -> int:
        return Counter(answer.status for answer in self.answers)[status]

    @property
    def others(self) -> list[Answer]:
        """The answers that no picture may get."""
        return [each for each in self.answers if each.status not in (ACCEPTED, REFUSED, FULL)]

    @property
    def slowest(self) -> Answer:
        return max(self.answers, key=lambda answer: answer.seconds)


def upload_all(server: Server, files: Sequence[tuple[str, bytes]], at_once: int) -> Round:
    """Jobs are cancelled when all that were sent at once have an answer.

    What the queue has no place for is sent again in the end: each file has another answer too.
    """
    answers: list[Answer] = []
    waiting = list(files)
    with ThreadPoolExecutor(at_once) as threads:
        while waiting:
            sent, waiting = waiting[:at_once], waiting[at_once:]
            fresh = list(threads.map(lambda file: _upload(server.page_port, *file), sent))
            for answer in fresh:
                if answer.job:
                    client.cancel(server.page_port, answer.job)
            full = {answer.name for answer in fresh if answer.status == FULL}
            waiting += [file for file in sent if file[0] in full]
            answers += fresh
    return Round(answers, server.held_bytes())


def _upload(port: int, name: str, data: bytes) -> Answer:
    begin = time.perf_counter()
    status, job = 0, None
    with contextlib.suppress(OSError, HTTPException), client.upload(port, data, {}) as answer:
        answer.read()
        status, job = answer.status, answer.headers["Location"]
    return Answer(name, status, time.perf_counter() - begin, job)
