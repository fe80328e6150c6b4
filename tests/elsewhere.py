"""Replicas in this process: what a cluster is to ``generator.remote`` and ``captioner.remote``."""

from collections.abc import Iterator
from concurrent.futures import Future

from fakes import FAKE_INFO, FakeBlip, FakeSDXL

import captioner.engine
import captioner.remote
import generator.engine
import generator.remote
from captioner.request import Caption, CaptionRequest
from generator.job import Event, Failed, Job
from generator.remote import Seen
from generator.replica import told
from generator.request import GenerationRequest
from models_cache.runtime.model_thread import ReplicaLost

ROOM = 8


class Stream:
    def __init__(self, job: Job) -> None:
        self._job = job

    def __iter__(self) -> Iterator[Event | Seen]:
        for event in told(self._job):
            if isinstance(event, Failed) and event.stopped:
                raise ReplicaLost
            yield event

    def cancel(self) -> None:
        self._job.cancel()


class Painters:
    """One replica: an engine that runs."""

    count, room = 1, ROOM

    def __init__(self, engine: generator.engine.Engine) -> None:
        self.engine = engine

    def paint(self, request: GenerationRequest, job: Job) -> Stream:
        return Stream(self.engine.submit(request))


class Captioners:
    """One replica: an engine that runs."""

    count, room = 1, ROOM

    def __init__(self, engine: captioner.engine.Engine) -> None:
        self.engine = engine

    def caption(self, request: CaptionRequest) -> Future[Caption]:
        return self.engine.submit(request)


class Generator(generator.remote.Remote):
    """Its desk is here, and its model elsewhere."""

    def __init__(self, max_jobs: int) -> None:
        self.elsewhere = generator.engine.Engine(FakeSDXL())
        super().__init__(FAKE_INFO, Painters(self.elsewhere), max_jobs)

    def start(self, *arguments: object, **options: object) -> None:
        self.elsewhere.start()
        super().start()

    def close(self) -> None:
        super().close()
        self.elsewhere.close()


class Captioner(captioner.remote.Remote):
    """Its queue is here, and its model elsewhere."""

    def __init__(self) -> None:
        self.elsewhere = captioner.engine.Engine(FakeBlip())
        super().__init__(Captioners(self.elsewhere))

    def start(self, *arguments: object, **options: object) -> None:
        self.elsewhere.start()
        super().start()

    def close(self) -> None:
        super().close()
        self.elsewhere.close()


def model_of(engine: object) -> object:
    """The fake that paints or captions, wherever it is."""
    elsewhere = getattr(engine, "elsewhere", engine)
    return elsewhere.model
