"""The jobs under way, and whose turn it is among those that wait."""

from collections import deque
from dataclasses import dataclass, field

from generator.job import Job
from generator.request import GenerationRequest
from models_cache.runtime.turns import Turns


class QueueFull(Exception):
    """The engine has as many jobs as it takes; one should end in ``retry_after_seconds``.

    ``own`` is how many of them are the client's, if it may have no more.
    """

    def __init__(self, retry_after_seconds: int, own: int | None = None) -> None:
        reason = f"You have {own} jobs under way" if own else "The queue is full"
        plural = "s" if retry_after_seconds > 1 else ""
        super().__init__(f"{reason}: try again in {retry_after_seconds} second{plural}.")
        self.retry_after_seconds = retry_after_seconds


Waiting = tuple[Job, GenerationRequest]


@dataclass
class Queue:
    """``jobs`` are all under way: reserved, waiting or running. Used under the engine's lock."""

    jobs: set[Job] = field(default_factory=set)
    waiting: deque[Waiting] = field(default_factory=deque)
    _turns: Turns = field(default_factory=Turns)

    def count_of(self, client: str) -> int:
        """How many jobs of one client are under way."""
        return sum(job.client == client for job in self.jobs)

    def in_order(self) -> list[Waiting]:
        """Those that wait, as they will be admitted if no others come: clients take turns."""
        return self._turns.in_order(self.waiting, lambda item: item[0].client)

    def until(self, job: Job) -> tuple[int, list[Waiting]]:
        """How many begin before the job, and all up to it, in their order.

        One that has no words yet is told as if it had them now.
        """
        waiting = self.in_order()
        place = next((n for n, (each, _) in enumerate(waiting) if each is job), None)
        if place is not None:
            return place, waiting[: place + 1]
        line = [*(each for each, _ in self.waiting), job]
        place = self._turns.in_order(line, lambda each: each.client).index(job)
        return place, waiting[:place]

    def take(self, count: int) -> list[Waiting]:
        """The next ones, which wait no more."""
        taken = self.in_order()[:count]
        self._turns.took([job.client for job, _ in taken])
        self.waiting = deque(item for item in self.waiting if item not in taken)
        return taken

    def before(self, client: str, running: set[Job]) -> int:
        """How many of the others would begin before a new one of this client."""
        new = Job(client)
        line = self._turns.in_order([*(self.jobs - running), new], lambda job: job.client)
        return line.index(new)

    def drop_finished(self) -> None:
        """Frees each finished job's place and its turn."""
        self.jobs = {job for job in self.jobs if not job.is_finished}
        self.waiting = deque(item for item in self.waiting if not item[0].is_finished)
        self._turns.keep({job.client for job in self.jobs})
