"""What the server holds, as the system tells, and what it counts, as ``/metrics`` tells."""

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scripts.benchmarks import client
from scripts.benchmarks.server_process import Server

SETTLING_SECONDS = 45.0  # longer than an idle connection is kept
JOBS, CAPTIONS_WAITING = "lookalike_jobs", "lookalike_captions_waiting"
JOBS_ACCEPTED, JOBS_ENDED = "lookalike_jobs_accepted", "lookalike_jobs_ended"
REQUESTS = "lookalike_requests"


@dataclass(frozen=True, slots=True)
class Held:
    """By one process, at one time. On Linux only."""

    threads: int
    descriptors: int
    bytes: int

    @classmethod
    def by(cls, server: Server) -> "Held":
        process = Path(f"/proc/{server.pid}")
        threads = len(os.listdir(process / "task"))
        return cls(threads, len(os.listdir(process / "fd")), server.held_bytes())


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the server's start. ``server_errors`` are answers of 5xx, by route and status."""

    under_way: int
    accepted: int
    ended: Counter[str]
    server_errors: Counter[tuple[str, int]]

    @classmethod
    def of(cls, text: str) -> "Counts":
        """``text`` is what ``/metrics`` answers."""
        families = {each.name: each.samples for each in text_string_to_metric_families(text)}
        ended = {each.labels["status"]: int(each.value) for each in families[JOBS_ENDED]}
        answered = {
            (each.labels["route"], int(each.labels["status"])): int(each.value)
            for each in families[REQUESTS]
        }
        under_way, waiting, accepted = (
            int(families[name][0].value) for name in (JOBS, CAPTIONS_WAITING, JOBS_ACCEPTED)
        )
        return cls(
            under_way + waiting,
            accepted,
            Counter(ended),
            Counter({key: count for key, count in answered.items() if key[1] >= 500}),
        )


def counts(server: Server) -> Counts:
    return Counts.of(client.get(server.page_port, "/metrics", server.host).decode())


def settled(server: Server, before: Held | None = None) -> Held:
    """What is held once no job is under way and connections have closed.

    Waits until no more threads and descriptors are held than ``before``, or than a second ago; but
    not for ever: what then is held too much has leaked.
    """
    deadline = time.monotonic() + SETTLING_SECONDS
    while counts(server).under_way and time.monotonic() < deadline:
        time.sleep(0.2)
    held = Held.by(server)
    while time.monotonic() < deadline:
        time.sleep(1)
        bound, held = before or held, Held.by(server)
        if held.threads <= bound.threads and held.descriptors <= bound.descriptors:
            break
    return held


@dataclass(slots=True)
class MemoryCurve:
    """The server's memory every so often while the block lasts: seconds and bytes."""

    server: Server
    every_seconds: float = 1.0
    points: list[tuple[float, int]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "MemoryCurve":
        self._thread = threading.Thread(target=self._watch, name="memory curve")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(self.every_seconds):
            self.points.append((time.monotonic() - began, self.server.held_bytes()))
