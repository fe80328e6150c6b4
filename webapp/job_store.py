"""The last jobs by id, bounded in number and bytes."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from generator.job import Job, Succeeded


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A picture as it was uploaded, as JPEG bytes; all jobs that are made of it share it.

    ``fields`` are the form's, if the picture's file said what it was painted from.
    """

    jpeg: bytes
    size: tuple[int, int]
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """``siblings`` are the ids of all jobs that were asked for in one go, this one's among them.

    ``size`` is the width and height that the image is to have.
    """

    job: Job
    original: Original
    size: tuple[int, int]
    siblings: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The sizes of image and preview in memory; the original is not counted."""
        outcome, preview = self.job.outcome, self.job.preview
        images = [preview[1]] if preview else []
        if isinstance(outcome, Succeeded):
            images.append(outcome.image)
        # Pillow keeps four bytes for a pixel of three channels.
        return sum(4 * image.width * image.height for image in images)


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

    def add(self, jobs: Sequence[Job], original: Original, size: tuple[int, int]) -> None:
        """Keeps jobs of one picture, for images of ``size``.

        Checks the bounds now, and again when each job ends.
        """
        siblings = tuple(job.id for job in jobs)
        with self._lock:
            self._entries |= {job.id: Entry(job, original, size, siblings) for job in jobs}
        for job in jobs:
            job.when_finished(partial(self._note_end, job))
        self._forget_the_oldest()

    def delete(self, job_id: str) -> None:
        """Forgets a job at once, and cancels it if it is unfinished. Raises UnknownJob."""
        entry = self.get(job_id)
        with self._lock:
            self._entries.pop(job_id, None)
        entry.job.cancel()

    def known(self, job_ids: Iterable[str]) -> list[Entry]:
        """The entries of those that are still kept, in the order that is given."""
        with self._lock:
            return [self._entries[each] for each in job_ids if each in self._entries]

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
            finished = [entry for entry in self._entries.values() if entry.job.is_finished]
            # The newest stays, whatever its size: its page is about to show it.
            for entry in finished[:-1]:
                if len(self._entries) <= self.max_jobs and self._size_bytes() <= self.max_bytes:
                    return
                del self._entries[entry.job.id]

    def _size_bytes(self) -> int:
        """Of images and originals, each original once. Called under the lock."""
        originals = {id(entry.original): entry.original for entry in self._entries.values()}
        return sum(entry.size_bytes for entry in self._entries.values()) + sum(
            len(original.jpeg) for original in originals.values()
        )
