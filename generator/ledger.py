"""How many jobs an engine has accepted, and how they ended, in numbers that only grow."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from generator.job import Cancelled, Failed, Job, Succeeded

OUTCOMES = (Succeeded, Failed, Cancelled)


@dataclass(slots=True)
class Ledger:
    """``ended`` is by status. Once no job is under way, as many have ended as were accepted.

    For any thread.
    """

    accepted: int = 0
    _ended: Counter[str] = field(
        default_factory=lambda: Counter({each.status: 0 for each in OUTCOMES})
    )
    _lock: Lock = field(default_factory=Lock)

    def accept(self, jobs: Sequence[Job]) -> None:
        """Counts them now, and each once more when it ends."""
        with self._lock:
            self.accepted += len(jobs)
        for job in jobs:
            job.when_finished(partial(self._end, job))

    def _end(self, job: Job) -> None:
        with self._lock:
            self._ended[job.status] += 1

    @property
    def ended(self) -> Counter[str]:
        """As many as there are now."""
        with self._lock:
            return Counter(self._ended)
