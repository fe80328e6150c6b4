"""What clients of a dialect have under way: for their progress, and for them alone to interrupt."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from generator.job import Job


@dataclass(slots=True, eq=False)
class UnderWay:
    """The jobs of requests that have no answer yet. For any thread."""

    _requests: list[Sequence[Job]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def holding(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Knows the jobs of one request as long as it has no answer."""
        with self._lock:
            self._requests.append(jobs)
        try:
            yield
        finally:
            with self._lock:
                self._requests.remove(jobs)

    def jobs_of(self, client: str) -> list[Job]:
        """The oldest first; those that have ended too, until their request is answered."""
        with self._lock:
            return [job for jobs in self._requests for job in jobs if job.client == client]
