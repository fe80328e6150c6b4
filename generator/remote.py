"""The painter on other devices and machines: the engine's words over replicas of it.

Each replica runs an engine of its own (``generator.replica``). The desk with the queue is here, and
so is every job: a replica that is lost loses none.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from PIL import Image

from generator.desk import Desk
from generator.job import Event, Failed, Job, Progress, Succeeded
from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from models_cache.runtime.followers import Followers
from models_cache.runtime.model_thread import (
    MOST_LOSSES,
    SECONDS_BETWEEN_LOOKS,
    EngineClosed,
    ReplicaLost,
)

log = logging.getLogger(__name__)
LOST = "The replicas that painted this were lost, one after another: try again."
NO_REPLICA = "No replica of the painter can be reached: try again in a minute."


@dataclass(frozen=True, slots=True)
class Seen:
    """A preview on its way from a replica."""

    step: int
    image: Image.Image


class Stream(Protocol):
    """One image that a replica paints: its events as they come, to the outcome."""

    def __iter__(self) -> Iterator[Event | Seen]:
        """Raises ReplicaLost."""

    def cancel(self) -> None:
        """From any thread, at any time."""


class Replicas(Protocol):
    """What a cluster offers. For any thread."""

    @property
    def count(self) -> int:
        """How many can be reached now."""

    @property
    def room(self) -> int:
        """How many images each paints at a time."""

    def paint(self, request: GenerationRequest, job: Job) -> Stream:
        """Begun on the replica with the fewest unfinished steps."""


@dataclass
class Sent:
    """An image that is painted elsewhere."""

    request: GenerationRequest
    num_steps: int
    step_index: int = 0
    preview_step: int = 0
    since: float = 0.0  # when its last step ended


class Remote(Desk[Replicas, Sent]):
    """``step`` is for the one thread that hands out jobs; tests call it by hand.

    Each job that is painted has a thread here, which follows its replica.
    """

    def __init__(
        self,
        info: ModelInfo,
        replicas: Replicas | None = None,
        max_jobs: int = 96,
        max_client_jobs: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(replicas, info, 0, max_jobs, max_client_jobs, clock)
        self.pause_seconds = SECONDS_BETWEEN_LOOKS  # after a loss of which nothing was heard
        self._followers = Followers("generator-replica")

    @property
    def is_alive(self) -> bool:
        """Also false while no replica can be reached: it becomes true again by itself."""
        return super().is_alive and (self._model is None or self._model.count > 0)

    @property
    def replicas(self) -> int:
        return self._model.count if self._model is not None else 0

    @property
    def _samples_a_turn(self) -> int:
        return max(1, self.max_batch_size)

    def reserve(self, count: int = 1, client: str = "", ids: Sequence[str] = ()) -> list[Job]:
        """As the desk's. Raises EngineClosed too while no replica can be reached.

        Jobs that were accepted before wait for one.
        """
        if self._model is not None and not self._model.count:
            raise EngineClosed(NO_REPLICA)
        return super().reserve(count, client, ids)

    def step(self) -> None:
        """Hands out as many jobs as there is room for."""
        self.max_batch_size = self.model.count * self.model.room
        for job, request in self._next_waiting():
            sent = Sent(request, request.num_inference_steps, since=self._clock())
            with self._changed:
                self._running.append((job, sent))
            job.when_finished(self._wake)
            self._followers.start(partial(self._paint, job, sent))

    def close(self, has_time: Callable[[], bool] = lambda: True) -> None:
        """As the engine's: what is left fails, and its replicas are told."""
        super().close(has_time)
        self._followers.join()

    def _has_work(self) -> bool:
        self._drop_finished()
        has_room = len(self._running) < self.model.count * self.model.room
        return bool(self._queue.waiting) and has_room

    def _patience(self) -> float:
        return SECONDS_BETWEEN_LOOKS

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _paint(self, job: Job, sent: Sent) -> None:
        """Follows one job to its end, over as many replicas as it takes."""
        for _ in range(MOST_LOSSES):
            if job.is_finished:  # it was cancelled in the pause
                return
            step = sent.step_index
            try:
                self._follow(job, sent)
            except BaseException as error:  # whatever it is, the job must end
                if not job.is_finished:
                    log.warning("job %s has lost its replica", job.short_id, exc_info=error)
            if job.is_finished:
                return
            if sent.step_index == step:
                time.sleep(self.pause_seconds)
        if job.publish(Failed(LOST)):
            self.tally.failed("denoise", ReplicaLost())

    def _follow(self, job: Job, sent: Sent) -> None:
        """Raises ReplicaLost, also if the replica stopped before the end."""
        stream = self.model.paint(sent.request, job)
        job.when_finished(stream.cancel)
        try:
            for event in stream:
                if isinstance(event, Failed) and event.stopped:
                    raise ReplicaLost
                self._tell(job, sent, event)
                if job.is_finished:
                    return
        finally:
            stream.cancel()
        raise ReplicaLost

    def _tell(self, job: Job, sent: Sent, event: Event | Seen) -> None:
        """What a lost replica told already is not told again: progress never runs backwards."""
        match event:
            case Progress(step):
                self._advance(job, sent, event, step)
            case Seen(step, image) if step > sent.preview_step:
                sent.preview_step = step
                job.publish_preview(step, image)
            case Succeeded():
                self.tally.made(job.publish(event))
            case Failed():
                if job.publish(event):
                    self.tally.failed("denoise", Exception(event.error))

    def _advance(self, job: Job, sent: Sent, progress: Progress, step: int) -> None:
        now = self._clock()
        if job.progress is not None and step <= sent.step_index:
            sent.since = now  # what was lost is no part of how long the next one takes
            return
        with self._changed:
            if step:
                self._total_steps += 1
                self._pace.took(now - sent.since)
            sent.step_index, sent.num_steps, sent.since = step, progress.num_steps, now
        job.publish(progress)
