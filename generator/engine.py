"""The engine: one thread that owns the model, and the queue in front of it.

Images advance one denoising step at a time. A request that arrives late is admitted before the
next step and shares its forward with every sample of the same batch key. The engine knows no
torch: ``generator.model`` lists all that it needs of a model.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from generator.desk import Desk
from generator.forward_limit import ForwardLimit
from generator.job import Failed, Job, Progress, Succeeded
from generator.model import BegunAnew, FastPath, Improving, Model, Sample
from generator.model_info import ModelInfo
from generator.previews import Previews
from generator.queue import Waiting
from generator.sentences import sentence

log = logging.getLogger(__name__)

TRIAL_SECONDS = 1.0  # between two looks whether a trial that is prepared elsewhere can begin

Made = TypeVar("Made")
Running = tuple[Job, Sample]


class Engine(Desk[Model, Sample]):
    """``step`` is for the one thread that owns the model, the desk's calls are for any.

    ``start`` makes that thread, which loads the model if told how and calls ``step`` whenever there
    is work; tests call it by hand. Without a model at first, ``info`` says what it will offer.
    """

    def __init__(
        self,
        model: Model | None = None,
        max_batch_size: int = 8,
        max_jobs: int = 96,
        max_client_jobs: int = 64,
        clock: Callable[[], float] = time.monotonic,
        info: ModelInfo | None = None,
    ) -> None:
        offered = info or (model.info if model is not None else None)
        assert offered is not None, "neither a model nor what it will offer"
        super().__init__(model, offered, max_batch_size, max_jobs, max_client_jobs, clock)
        self._forward_limit = ForwardLimit(max_batch_size)
        self._previews = Previews()

    @property
    def _samples_a_turn(self) -> int:
        return self._forward_limit.samples

    @property
    def fast_path(self) -> FastPath | None:
        """Of a model that has one, once it is loaded."""
        return self._model.fast_path if isinstance(self._model, Improving) else None

    # For the thread that owns the model.

    def step(self) -> None:
        """Admits waiting jobs, moves one batch by one step, and decodes finished samples.

        Without any, the model may try to become faster.
        """
        started = self._clock()
        self._admit()
        batch = self._next_batch()
        if batch:
            self._denoise(batch)
        elif isinstance(self._model, Improving):
            with self.tally.timing("trial"):
                self._model.improve()
        with self._changed:
            self._drop_finished()
            if batch:
                self._pace.took(self._clock() - started)

    def _has_work(self) -> bool:
        has_trial = self.fast_path and self.fast_path.has_trial
        return bool(self._queue.waiting or self._running or has_trial)

    def _patience(self) -> float | None:
        return TRIAL_SECONDS if self.fast_path and self.fast_path.has_more else None

    def _admit(self) -> None:
        while admitted := self._next_waiting():
            self._prepare(admitted)

    def _prepare(self, admitted: list[Waiting]) -> None:
        for job, sample in self._together("prepare", self.model.prepare, admitted):
            job.publish(Progress(0, sample.num_steps))
            with self._changed:
                self._running.append((job, sample))

    def _together(
        self, stage: str, call: Callable[[list[Any]], Sequence[Made]], batch: list[tuple[Job, Any]]
    ) -> list[tuple[Job, Made]]:
        """Makes one call for all; if that fails, one for each: only the culprit is to fail."""
        try:
            with self.tally.timing(stage):
                made = call([each for _, each in batch])
            return [(job, each) for (job, _), each in zip(batch, made, strict=True)]
        except Exception as error:
            if len(batch) == 1:
                if not isinstance(error, BegunAnew):
                    self._fail(batch[0][0], stage, error)
                return []
        # Out here, as the traceback holds the tensors of the failed call.
        return [done for item in batch for done in self._together(stage, call, [item])]

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
            self.tally.batch(len(batch))
            return batch

    def _denoise(self, batch: list[Running]) -> None:
        try:
            with self.tally.timing("denoise"):
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
            [(job, _)] = batch
            self._fail(job, "denoise", failure)
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
                self._fail(job, "scheduler", errors[index])
            else:
                self._total_steps += 1
                job.publish(Progress(sample.step_index, sample.num_steps))
        # Last, so that a neighbour's progress does not wait for a decode.
        left = [item for item in batch if item[1].is_denoised]
        while left := [item for item in left if not item[0].is_finished]:
            size = self.model.decode_batch_size(left[0][1])
            self._finish(left[:size])
            left = left[size:]
        with self.tally.timing("preview"):
            self._previews.publish(self.model, batch)

    def _finish(self, batch: list[Running]) -> None:
        unseen_words = {job: sample.unseen_words for job, sample in batch}
        path = self.fast_path.name if self.fast_path is not None else ""
        for job, image in self._together("decode", self.model.decode, batch):
            self.tally.made(job.publish(Succeeded(image, unseen_words[job], path)))

    def _fail(self, job: Job, stage: str, error: Exception) -> None:
        """Fails one job alone: a model may raise anything, and its thread must outlive it."""
        log.error("job %s failed in %s", job.short_id, stage, exc_info=error)
        error.with_traceback(None)  # it holds the tensors of the failed call, and may hold itself
        if job.publish(Failed(sentence(error, job.request))):
            self.tally.failed(stage, error)
