"""What the clients saw: every answer by its kind and status, and the jobs that they were given."""

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock

NO_ANSWER = 0
LEFT = 499  # as the server calls it, of a client that wanted no answer any more


@dataclass(slots=True)
class Journal:
    """All clients write into one. ``seconds`` are by kind of request and status.

    ``jobs`` are the ids of those that a client was told of. ``without_retry_after`` are the kinds
    and statuses of refusals that did not say when to come back.
    """

    seconds: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    jobs: set[str] = field(default_factory=set)
    without_retry_after: set[tuple[str, int]] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def note(self, kind: str, status: int, seconds: float) -> None:
        with self._lock:
            self.seconds[kind, status].append(seconds)

    def add_job(self, job: str) -> None:
        with self._lock:
            self.jobs.add(job)

    def note_missing_retry_after(self, kind: str, status: int) -> None:
        with self._lock:
            self.without_retry_after.add((kind, status))

    @property
    def counts(self) -> dict[tuple[str, int], int]:
        """How many answers of each kind and status."""
        return {key: len(seconds) for key, seconds in self.seconds.items()}
