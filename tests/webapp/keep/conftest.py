"""Servers that keep their jobs, one after the other, all driven by hand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import FakeBlip, FakeSDXL
from flask.testing import FlaskClient
from shared_app import client_of
from web_client import job_of, upload

import captioner.engine
import generator.engine
from generator.job import Job
from webapp.job_store import JobStore
from webapp.keep.archive import DAY_SECONDS, Archive
from webapp.keep.calendar import Calendar
from webapp.keep.keeper import Keeper
from webapp.keep.resume import begin
from webapp.services import Services

LARGE = 10**9


class Clock(Calendar):
    """Both clocks of a machine that has run for a day, as a test says."""

    def __init__(self) -> None:
        self.date, self.seconds = 1e9, 0.0
        super().__init__(lambda: self.date, lambda: self.seconds)
        self.wait(DAY_SECONDS)

    def wait(self, seconds: float) -> None:
        self.date += seconds
        self.seconds += seconds


@dataclass
class Start:
    """One run of the server: fakes, no threads, and a keeper whose ``step`` a test calls."""

    services: Services
    archive: Archive
    keeper: Keeper
    client: FlaskClient

    def send(self, **fields: str) -> list[Job]:
        """All jobs of one upload."""
        job = job_of(self.services, upload(self.client, **fields))
        return self.known(self.services.jobs.get(job.id).siblings)

    def known(self, ids: Iterable[str]) -> list[Job]:
        """Those that have these ids in this run of the server."""
        return [self.services.jobs.get(each).job for each in ids]

    def same(self, jobs: Iterable[Job]) -> list[Job]:
        """Jobs of an earlier run, as they are in this one."""
        return self.known(job.id for job in jobs)

    def caption(self) -> None:
        self.services.captioner.step()

    def paint(self) -> None:
        """All that waits."""
        while self.services.generator.stats().jobs:
            self.services.generator.step()

    def save(self) -> None:
        while self.keeper.step():
            pass

    def die(self) -> None:
        """Nothing more is written, and all that was in memory is gone."""
        self.archive.close()


class Starts:
    """Begins the server again and again, on one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.alive: list[Start] = []

    def __call__(
        self, model: FakeSDXL | None = None, max_bytes: int = LARGE, max_days: int = 30, **limits
    ) -> Start:
        self.end()
        archive = Archive.open(self.folder, max_bytes, max_days, self.clock)
        services = Services(
            captioner.engine.Engine(FakeBlip()),
            generator.engine.Engine(model or FakeSDXL(), **limits),
            JobStore(),
        )
        keeper = begin(archive, services, log_prompts=False)
        start = Start(services, archive, keeper, client_of(services))
        self.alive.append(start)
        return start

    def after(self, start: Start, **options) -> Start:
        """The next start after a sudden death; all that should be saved had been by then."""
        start.save()
        return self(**options)

    def end(self) -> None:
        while self.alive:
            self.alive.pop().die()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(folder: Path, clock: Clock) -> Iterator[Starts]:
    starts = Starts(folder, clock)
    yield starts
    starts.end()
