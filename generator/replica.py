"""One device's painter as a replica: an engine, whose jobs' events go to whoever sent them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from generator.engine import Engine
from generator.job import Event, Job, Previewed, Queued
from generator.remote import Seen
from generator.request import GenerationRequest
from models_cache.runtime.model_thread import EngineClosed


class Replica:
    """``paint`` is for an event loop, the rest for any thread."""

    def __init__(self, engine: Engine, most_jobs: int) -> None:
        self.engine = engine
        self._threads = ThreadPoolExecutor(most_jobs, "follows")  # one waits for each job's events

    async def paint(
        self, request: GenerationRequest, job_id: str = ""
    ) -> AsyncIterator[Event | Seen]:
        """The events from the first step to the outcome. Whoever stops asking cancels the job.

        ``job_id`` is the sender's, for whoever chooses the replica.
        """
        job = self.engine.submit(request)
        events = told(job)
        loop = asyncio.get_running_loop()
        try:
            while True:
                event = await loop.run_in_executor(self._threads, next, events, None)
                if event is None:
                    return
                yield event
        finally:
            job.cancel()

    def check_health(self) -> None:
        """Raises EngineClosed if the engine has died."""
        if not self.engine.is_alive:
            raise EngineClosed


def told(job: Job) -> Iterator[Event | Seen]:
    """The job's events but the first, which is the sender's; previews with their images."""
    for event in job.follow():
        match event:
            case Previewed(step):
                if job.preview is not None:
                    yield Seen(max(step, job.preview[0]), job.preview[1])
            case Queued() | None:
                pass
            case _:
                yield event
