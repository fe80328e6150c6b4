"""The desk in front of what paints: places in the queue, whose turn it is, and how long it takes.

Behind it is the model of this process (``generator.engine``) or replicas elsewhere
(``generator.remote``).
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from generator.engine_stats import PHASES, STAGES, EngineStats
from generator.job import Failed, Job, Queued
from generator.ledger import Ledger
from generator.model import FastPath
from generator.model_info import ModelInfo
from generator.pace import InFlight, Outlook, Pace, ahead
from generator.queue import Queue, QueueFull, Waiting
from generator.request import GenerationRequest
from models_cache.runtime.model_thread import ModelThread
from models_cache.runtime.tally import Tally

Model = TypeVar("Model")
Image = TypeVar("Image", bound=InFlight)


class Desk(ModelThread[Model], Generic[Model, Image]):
    """``reserve``, ``submit``, ``stats`` and ``close`` are for any thread.

    ``max_batch_size`` is the most images in flight, ``max_jobs`` the most jobs under way before
    ``QueueFull``, ``max_client_jobs`` the most of one client.
    """

    def __init__(
        self,
        model: Model | None,
        info: ModelInfo,
        max_batch_size: int,
        max_jobs: int,
        max_client_jobs: int,
        clock: Callable[[], float],
    ) -> None:
        super().__init__("generator", model)
        self.info = info
        self.max_batch_size = max_batch_size
        self.max_jobs = max_jobs
        self.max_client_jobs = max_client_jobs
        self._clock = clock
        self._queue = Queue()
        self._running: list[tuple[Job, Image]] = []
        self._pace, self._total_steps = Pace(), 0
        self.tally, self.ledger = Tally(PHASES, STAGES, clock), Ledger()

    @property
    def _samples_a_turn(self) -> int:
        """How many images take a step together, at most."""
        return self.max_batch_size

    def reserve(self, count: int = 1, client: str = "", ids: Sequence[str] = ()) -> list[Job]:
        """Jobs with places in the queue, to be submitted later; an outcome frees its job's place.

        Takes all places or none. Clients take turns. ``ids`` are those of as many jobs of an
        earlier start. Raises QueueFull or EngineClosed.
        """
        jobs = [Job(client, job_id) for job_id in ids or [""] * count]
        with self._changed:
            self._check_open()
            self._drop_finished()
            own = self._queue.count_of(client)
            if own + count > self.max_client_jobs:
                raise QueueFull(self._seconds_until_a_place_is_free(), own)
            if len(self._queue.jobs) + count > self.max_jobs:
                raise QueueFull(self._seconds_until_a_place_is_free())
            self._queue.jobs.update(jobs)
            self.ledger.accept(jobs)
        return jobs

    def submit(self, request: GenerationRequest, job: Job | None = None, client: str = "") -> Job:
        """Queues the request, under the job that was reserved for it or a new one of ``client``.

        A reserved job that has ended meanwhile stays as it is. Raises EngineClosed, and QueueFull
        if nothing was reserved.
        """
        job = job or self.reserve(client=client)[0]
        with self._changed:
            self._check_open()
            if job.publish(Queued(request)):
                self._queue.waiting.append((job, request))
            self._changed.notify_all()
        return job

    def outlook(self, job: Job) -> Outlook:
        """How many jobs come before this one, and the seconds until it should end."""
        with self._changed:
            progress = job.progress
            before, waiting = (0, []) if progress else self._queue.until(job)
            line = ahead(
                (sample for _, sample in self._running), (request for _, request in waiting)
            )
            left = progress.num_steps - progress.step if progress else None
            seconds = self._pace.seconds_until_done(line, left, self._samples_a_turn)
        return Outlook(before, seconds)

    def before(self, client: str) -> int:
        """How many jobs have begun, or would begin before a new one of this client."""
        with self._changed:
            self._drop_finished()
            running = {job for job, _ in self._running}
            return len(running) + self._queue.before(client, running)

    @property
    def seconds_a_step(self) -> float | None:
        """Of the last batches; None before the first."""
        return self._pace.seconds_a_turn

    @property
    def fast_path(self) -> FastPath | None:
        """What makes the model faster, of one that is here."""
        return None

    @property
    def replicas(self) -> int | None:
        """How many can be reached, of a model that is elsewhere."""
        return None

    def stats(self) -> EngineStats:
        totals = self.tally.totals()
        with self._changed:
            self._drop_finished()
            return EngineStats(
                jobs=len(self._queue.jobs),
                waiting=len(self._queue.waiting),
                running=len(self._running),
                last_batch_size=totals.last_batch_size,
                total_steps=self._total_steps,
                total_images=totals.made,
                total_failures=totals.failures.total(),
            )

    def _drop_finished(self) -> None:
        """Frees each finished job's place, its turn and its sample. Called under the lock."""
        self._queue.drop_finished()
        self._running = [item for item in self._running if not item[0].is_finished]

    def _next_waiting(self) -> list[Waiting]:
        """As many as there is room for."""
        with self._changed:
            self._drop_finished()  # each time: jobs may be cancelled while others are prepared
            room = max(0, self.max_batch_size - len(self._running))
            return self._queue.take(room)

    def _fail_all(self) -> None:
        with self._changed:
            left = list(self._queue.jobs)
        for job in left:
            job.publish(Failed(self._reason, stopped=True))

    def _seconds_until_a_place_is_free(self) -> int:
        """Goes by the model's default steps while all wait for captions. Called under the lock."""
        line = ahead(
            (sample for _, sample in self._running),
            (request for _, request in self._queue.in_order()),
        )
        in_flight = line[: self.max_batch_size] or [((0, 0), self.info.num_inference_steps)]
        return self._pace.seconds_until_one_ends(in_flight, self._samples_a_turn)
