"""The engine: one thread that owns the model, and the queue in front of it.

Images advance one denoising step at a time. A request that arrives late is admitted before the
next step and shares its forward with every sample of the same batch key. The engine knows no
torch: ``generator.model`` lists all that it needs of a model.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping

from generator.engine_stats import EngineStats
from generator.forward_limit import ForwardLimit
from generator.job import Failed, Job, Progress, Queued, Succeeded
from generator.model import Model, Previewing, Sample, is_time_for_a_preview
from generator.model_info import ModelInfo
from generator.pace import Outlook, Pace, ahead
from generator.request import GenerationRequest
from models_cache.runtime.model_thread import ModelThread

log = logging.getLogger(__name__)

MODEL_FAILED = "The model failed on this request: try another prompt, size or seed."
NO_ROOM = "There is not enough free memory for an image of {width}x{height}: ask for a smaller one."


class QueueFull(Exception):
    """The engine has as many jobs as it takes; one should end in ``retry_after_seconds``."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            f"The queue is full: try again in {retry_after_seconds}"
            f" second{'s' if retry_after_seconds > 1 else ''}."
        )
        self.retry_after_seconds = retry_after_seconds


Waiting = tuple[Job, GenerationRequest]
Running = tuple[Job, Sample]


class Engine(ModelThread[Model]):
    """``reserve``, ``submit``, ``stats`` and ``close`` are for any thread.

    ``step`` is for the one thread that owns the model: ``start`` makes one, which loads the model
    if told how and calls ``step`` whenever there is work; tests call it by hand. Without a model
    at first, ``info`` says what it will offer.
    ``max_batch_size`` is the most samples in flight, ``max_jobs`` the most jobs under way before
    ``QueueFull``.
    """

    def __init__(
        self,
        model: Model | None = None,
        max_batch_size: int = 8,
        max_jobs: int = 64,
        clock: Callable[[], float] = time.monotonic,
        info: ModelInfo | None = None,
    ) -> None:
        super().__init__("generator", model)
        self.info = info or self.model.info
        self.max_batch_size = max_batch_size
        self.max_jobs = max_jobs
        self._clock = clock
        self._jobs: set[Job] = set()
        self._waiting: deque[Waiting] = deque()
        self._running: list[Running] = []
        self._forward_limit = ForwardLimit(max_batch_size)
        self._pace = Pace()
        self._last_batch_size = 0
        self._total_steps = 0
        self._total_images = 0
        self._total_failures = 0
        self._previews_failed = False

    # For any thread.

    def reserve(self, count: int = 1) -> list[Job]:
        """Jobs with places in the queue, to be submitted later; an outcome frees its job's place.

        Takes all places or none. Raises QueueFull or EngineClosed.
        """
        jobs = [Job() for _ in range(count)]
        with self._changed:
            self._check_open()
            self._drop_finished()
            if len(self._jobs) + count > self.max_jobs:
                raise QueueFull(self._seconds_until_a_place_is_free())
            self._jobs.update(jobs)
        return jobs

    def submit(self, request: GenerationRequest, job: Job | None = None) -> Job:
        """Queues the request, under the job that was reserved for it or a new one.

        A reserved job that has ended meanwhile stays as it is. Raises EngineClosed, and QueueFull
        if nothing was reserved.
        """
        job = job or self.reserve()[0]
        with self._changed:
            self._check_open()
            if job.publish(Queued(request)):
                self._waiting.append((job, request))
            self._changed.notify_all()
        return job

    def outlook(self, job: Job) -> Outlook:
        """How many jobs come before this one, and the seconds until it should end."""
        with self._changed:
            waiting = [each for each, _ in self._waiting]
            before = waiting.index(job) if job in waiting else 0
            line = ahead(
                (sample for _, sample in self._running),
                (request for _, request in list(self._waiting)[: before + 1]),
            )
            progress = job.progress
            left = progress.num_steps - progress.step if progress else None
            seconds = self._pace.seconds_until_done(line, left, self._forward_limit.samples)
        return Outlook(before, seconds)

    @property
    def seconds_a_step(self) -> float | None:
        """Of the last batches; None before the first."""
        return self._pace.seconds_a_turn

    def stats(self) -> EngineStats:
        with self._changed:
            self._drop_finished()
            return EngineStats(
                jobs=len(self._jobs),
                waiting=len(self._waiting),
                running=len(self._running),
                last_batch_size=self._last_batch_size,
                total_steps=self._total_steps,
                total_images=self._total_images,
                total_failures=self._total_failures,
            )

    # For the thread that owns the model.

    def step(self) -> None:
        """Admits waiting jobs, moves one batch by one step, and decodes finished samples."""
        started = self._clock()
        self._admit()
        batch = self._next_batch()
        if batch:
            self._denoise(batch)
        with self._changed:
            self._drop_finished()
            if batch:
                self._pace.took(self._clock() - started)

    def _has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def _drop_finished(self) -> None:
        """Frees each finished job's place, its turn and its sample. Called under the lock."""
        self._jobs = {job for job in self._jobs if not job.is_finished}
        self._waiting = deque(item for item in self._waiting if not item[0].is_finished)
        self._running = [item for item in self._running if not item[0].is_finished]

    def _admit(self) -> None:
        while admitted := self._next_waiting():
            self._prepare(admitted)

    def _next_waiting(self) -> list[Waiting]:
        """As many as there is room for."""
        with self._changed:
            self._drop_finished()  # each time: jobs may be cancelled while others are prepared
            room = self.max_batch_size - len(self._running)
            return [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]

    def _prepare(self, admitted: list[Waiting]) -> None:
        """All together; if that fails, one by one: only the culprit is to fail."""
        try:
            samples = self.model.prepare([request for _, request in admitted])
        except Exception as error:
            if len(admitted) == 1:
                self._fail(*admitted[0], "prepare", error)
                return
            samples = None
        if samples is None:
            # Out here, as the traceback holds the tensors of the failed call.
            for item in admitted:
                self._prepare([item])
            return
        for (job, _), sample in zip(admitted, samples, strict=True):
            job.publish(Progress(0, sample.num_steps))
            with self._changed:
                self._running.append((job, sample))

    def _next_batch(self) -> list[Running]:
        """The sample that has waited longest for a step, and all that may share its forward.

        They go to the end of the line, so that batch keys take turns and none starves.
        """
        with self._changed:
            if not self._running:
                return []
            key = self._running[0][1].batch_key
            sharing = [item for item in self._running if item[1].batch_key == key]
            batch = sharing[: self._forward_limit.samples]
            others = [item for item in self._running if item not in batch]
            self._running = others + batch
            self._last_batch_size = len(batch)
            return batch

    def _denoise(self, batch: list[Running]) -> None:
        try:
            errors = self.model.denoise([sample for _, sample in batch])
        except Exception as error:
            # No scheduler has moved.
            log.warning("a forward of %d samples failed", len(batch), exc_info=True)
            # Without its traceback, which holds the tensors of the failed forward.
            failure = error.with_traceback(None)
        else:
            self._forward_limit.went_well(len(batch))
            self._publish_steps(batch, errors)
            return
        self._denoise_in_parts(batch, failure)

    def _denoise_in_parts(self, batch: list[Running], failure: Exception) -> None:
        """Retries halves if memory ran out; otherwise one by one: only the culprit is to fail."""
        if len(batch) == 1:
            [(job, sample)] = batch
            self._fail(job, sample.request, "denoise", failure)
            return
        size = 1
        if isinstance(failure, MemoryError):
            self._forward_limit.ran_out(len(batch))
            size = self._forward_limit.samples
        for start in range(0, len(batch), size):
            self._denoise(batch[start : start + size])

    def _publish_steps(self, batch: list[Running], errors: Mapping[int, Exception]) -> None:
        for index, (job, sample) in enumerate(batch):
            if index in errors:
                self._fail(job, sample.request, "scheduler", errors[index])
            else:
                self._total_steps += 1
                job.publish(Progress(sample.step_index, sample.num_steps))
        # Last, so that a neighbour's progress does not wait for a decode.
        for job, sample in batch:
            if sample.is_denoised and not job.is_finished:
                self._finish(job, sample)
        self._publish_previews(batch)

    def _finish(self, job: Job, sample: Sample) -> None:
        try:
            image = self.model.decode(sample)
        except Exception as error:
            self._fail(job, sample.request, "decode", error)
            return
        self._total_images += job.publish(Succeeded(image, sample.unseen_words))

    def _publish_previews(self, batch: list[Running]) -> None:
        if not isinstance(self.model, Previewing):
            return
        for job, sample in batch:
            if is_time_for_a_preview(sample) and not job.is_finished:
                self._publish_preview(job, sample, self.model)

    def _publish_preview(self, job: Job, sample: Sample, model: Previewing) -> None:
        try:
            image = model.preview(sample)
        except Exception:  # the image itself needs none
            if not self._previews_failed:
                log.warning("a preview failed; if others do, the log is silent", exc_info=True)
            self._previews_failed = True
            return
        if image is not None:
            job.publish_preview(sample.step_index, image)

    def _fail(self, job: Job, request: GenerationRequest, stage: str, error: Exception) -> None:
        """Fails one job alone: a model may raise anything, and its thread must outlive it."""
        log.error("job %s failed in %s", job.id, stage, exc_info=error)
        error.with_traceback(None)  # it holds the tensors of the failed call, and may hold itself
        sentence = MODEL_FAILED
        if isinstance(error, MemoryError):
            sentence = NO_ROOM.format(width=request.width, height=request.height)
        self._total_failures += job.publish(Failed(sentence))

    def _fail_all(self) -> None:
        with self._changed:
            left = list(self._jobs)
        for job in left:
            job.publish(Failed(self._reason, stopped=True))

    def _seconds_until_a_place_is_free(self) -> int:
        """Goes by the model's default steps while all wait for captions. Called under the lock."""
        line = ahead(
            (sample for _, sample in self._running), (request for _, request in self._waiting)
        )
        in_flight = line[: self.max_batch_size] or [((0, 0), self.info.num_inference_steps)]
        return self._pace.seconds_until_one_ends(in_flight, self._forward_limit.samples)
