"""The last jobs by id, bounded in number and bytes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from generator.job import Job, Succeeded


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, and the picture that was uploaded for it, as JPEG bytes."""

    job: Job
    original: bytes

    @property
    def size_bytes(self) -> int:
        outcome = self.job.outcome
        if not isinstance(outcome, Succeeded):
            return len(self.original)
        # Pillow keeps four bytes for a pixel of three channels.
        return len(self.original) + 4 * outcome.image.width * outcome.image.height


# How long after its end a job's page may take to fetch its image.
FETCH_SECONDS = 3.0


class UnknownJob(LookupError):
    def __init__(self) -> None:
        super().__init__(
            "This job is not known: old ones are forgotten, and a restart forgets all."
        )


class JobStore:
    """Forgets finished jobs, oldest first, and never an unfinished one. For any thread.

    (The engine bounds the unfinished ones.)
    """

    def __init__(
        self,
        max_jobs: int = 200,
        max_bytes: int = 512 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_jobs = max_jobs
        self.max_bytes = max_bytes
        self._entries: dict[str, Entry] = {}
        self._lock = Lock()
        self._clock = clock
        self._last_end = -FETCH_SECONDS

    def add(self, job: Job, original: bytes) -> None:
        """Keeps a job. Checks the bounds now, and again when the job ends."""
        with self._lock:
            self._entries[job.id] = Entry(job, original)
        job.when_finished(lambda: self._note_end(job))
        self._forget_the_oldest()

    def get(self, job_id: str) -> Entry:
        """Raises UnknownJob."""
        with self._lock:
            entry = self._entries.get(job_id)
        if entry is None:
            raise UnknownJob
        return entry

    def are_awaited(self) -> bool:
        """True while a job is unfinished, and a moment longer, for its page to fetch the image."""
        with self._lock:
            if any(not entry.job.is_finished for entry in self._entries.values()):
                return True
            return self._clock() < self._last_end + FETCH_SECONDS

    def _note_end(self, job: Job) -> None:
        """Sorts by end time: a long job must not be forgotten before its page has shown it."""
        with self._lock:
            self._last_end = self._clock()
            if entry := self._entries.pop(job.id, None):
                self._entries[job.id] = entry
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        with self._lock:
            size = sum(entry.size_bytes for entry in self._entries.values())
            finished = [entry for entry in self._entries.values() if entry.job.is_finished]
            # The newest stays, whatever its size: its page is about to show it.
            for entry in finished[:-1]:
                if len(self._entries) <= self.max_jobs and size <= self.max_bytes:
                    return
                del self._entries[entry.job.id]
                size -= entry.size_bytes
