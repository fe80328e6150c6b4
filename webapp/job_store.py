"""The last jobs by id, bounded in number and bytes; older ones where a disk keeps them."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Protocol

from generator.job import Job, Succeeded
from webapp.order import Order


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A picture as it was uploaded, as JPEG bytes; all jobs that are made of it share it.

    ``fields`` are the form's, if the picture's file said what it was painted from. ``held`` are
    the bytes, or reads them: of an earlier start they stay on the disk.
    """

    held: bytes | Callable[[], bytes]
    size: tuple[int, int]
    fields: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def jpeg(self) -> bytes:
        """Raises UnknownJob if it is no longer on the disk."""
        return self.held if isinstance(self.held, bytes) else self.held()

    def in_memory(self) -> "Original":
        """The same, for jobs that are to be made of it. Raises UnknownJob."""
        return self if isinstance(self.held, bytes) else replace(self, held=self.jpeg)


@dataclass(frozen=True, slots=True)
class Entry:
    """``siblings`` are the ids of all jobs that were asked for in one go, this one's among them.

    ``order`` is for this one's image alone. ``saved_png`` reads the image of an earlier start.
    """

    job: Job
    original: Original
    order: Order
    siblings: tuple[str, ...] = ()
    saved_png: Callable[[], bytes] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The width and height that the image is to have."""
        return self.order.size

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
    def __init__(self, outlives_restarts: bool = False) -> None:
        restart = "" if outlives_restarts else ", and a restart forgets all"
        super().__init__(f"This job is not known: old ones are forgotten{restart}.")


class Bounds(Protocol):
    max_bytes: int
    max_days: int


class Disk(Protocol):
    """What the store asks of ``webapp.keep.keeper``: only ``find`` takes the time of a disk.

    The bounds of its ``archive`` are told to visitors and to the owner.
    """

    @property
    def archive(self) -> Bounds: ...
    def save(self, job_id: str) -> None: ...
    def drop(self, job_id: str) -> None: ...
    def find(self, job_ids: Iterable[str]) -> list[Entry]: ...


class JobStore:
    """Forgets finished jobs, oldest first, and never an unfinished one. For any thread.

    (The engine bounds the unfinished ones.) With a ``disk``, those that it has are still known.
    """

    def __init__(
        self,
        max_jobs: int = 200,
        max_bytes: int = 512 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_jobs = max_jobs
        self.max_bytes = max_bytes
        self.disk: Disk | None = None
        self._entries: dict[str, Entry] = {}
        self._lock = Lock()
        self._clock = clock
        self._last_end = -FETCH_SECONDS

    def add(self, jobs: Sequence[Job], original: Original, order: Order) -> None:
        """Keeps jobs of one picture, one for each image of the order."""
        ids = tuple(job.id for job in jobs)
        pairs = zip(jobs, order.apart(), strict=True)
        self.put([Entry(job, original, each, ids) for job, each in pairs])

    def put(self, entries: Sequence[Entry]) -> None:
        """Checks the bounds now, and again when each job ends."""
        with self._lock:
            self._entries |= {entry.job.id: entry for entry in entries}
        for entry in entries:
            self.note(entry.job)
            entry.job.when_finished(partial(self._note_end, entry.job))
        self._forget_the_oldest()

    def note(self, job: Job) -> None:
        """Has the disk know how far a job is, if there is one and the job is kept."""
        if self.disk is not None and self.held(job.id):
            self.disk.save(job.id)

    def delete(self, job_id: str) -> None:
        """Forgets a job at once, and cancels it if it is unfinished. Raises UnknownJob."""
        entry = self.get(job_id)
        with self._lock:
            self._entries.pop(job_id, None)
            if self.disk is not None:
                self.disk.drop(job_id)
        entry.job.cancel()

    def known(self, job_ids: Iterable[str]) -> list[Entry]:
        """The entries of those that are still kept, in the order that is given."""
        ids = list(job_ids)
        with self._lock:
            found = {each: self._entries[each] for each in ids if each in self._entries}
        missing = [each for each in ids if each not in found]
        if self.disk is not None and missing:
            found |= {entry.job.id: entry for entry in self.disk.find(missing)}
        return [found[each] for each in ids if each in found]

    def held(self, job_id: str) -> Entry | None:
        """The entry, if it is in memory."""
        with self._lock:
            return self._entries.get(job_id)

    def get(self, job_id: str) -> Entry:
        """Raises UnknownJob."""
        for entry in self.known([job_id]):
            return entry
        raise UnknownJob(self.disk is not None)

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
        self.note(job)
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
