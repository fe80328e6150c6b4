"""The keeper: the one thread that writes to the archive, and what others ask of it."""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition, Thread

from generator.model_info import ModelInfo
from webapp.job_store import Entry
from webapp.keep.archive import Archive

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0  # until a disk that took nothing is tried again
EXPIRY_SECONDS = 3600.0  # between two looks at what has become too old
CLOSING_SECONDS = 10.0  # a disk that hangs must not keep the server from ending


class Keeper:
    """``save``, ``drop`` and ``find`` are for any thread, and only ``find`` takes a disk's time.

    ``step`` is for the one thread that writes: ``start`` makes it; tests call it by hand. It saves
    a job as it is by then, if ``held`` still has it in memory. While the disk takes nothing, it
    says so once and tries again now and then, and nobody waits for it.
    """

    def __init__(
        self, archive: Archive, info: ModelInfo, held: Callable[[str], Entry | None]
    ) -> None:
        self.archive = archive
        self._info = info
        self._held = held
        self._todo: dict[str, None] = {}  # ids of jobs, in the order of their changes
        self._dropped: set[str] = set()
        self._stuck: set[str] = set()  # of those that cannot be deleted just now
        self._changed = Condition()
        self._is_troubled = False
        self._is_closed = self._is_sudden = False
        self._thread: Thread | None = None

    # For any thread.

    def save(self, job_id: str) -> None:
        """Has the job saved, or removed if it was dropped."""
        with self._changed:
            self._todo[job_id] = None
            self._changed.notify_all()

    def drop(self, job_id: str) -> None:
        """Nobody finds the job from now on, however long the disk takes."""
        with self._changed:
            self._dropped.add(job_id)
        self.save(job_id)

    def find(self, job_ids: Iterable[str]) -> list[Entry]:
        """Those of the archive, of which none are in memory."""
        with self._changed:
            wanted = [each for each in job_ids if each not in self._dropped]
        try:
            return self.archive.find(wanted)
        except (OSError, sqlite3.Error) as error:
            self._complain("read", error)
            return []

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="keeper")
        self._thread.start()

    def close(self, is_sudden: bool = False) -> None:
        """Saves what is left, unless the disk takes too long.

        Unless the end is ``is_sudden``, as of a GPU, unfinished jobs have not been tried in vain.
        """
        with self._changed:
            self._is_closed = True
            self._is_sudden = is_sudden
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)
        if self._thread is None or not self._thread.is_alive():
            self.archive.close()

    # For the thread that writes.

    def step(self) -> bool:
        """Brings one job to the disk, the oldest change first; False if none can be.

        What is to be deleted comes before what is to be saved, unless that has failed.
        """
        job_id = self._next()
        try:
            if job_id is not None:
                self._bring(job_id)
            self.archive.make_room()
        except (OSError, sqlite3.Error) as error:
            self._complain("saved", error)
            if job_id is not None:
                self._stuck |= {job_id} & self._dropped
                self.save(job_id)
            return False
        except Exception:  # the thread must outlive what is wrong with one job
            log.exception("job %s cannot be saved", str(job_id)[:8])
        else:
            self._recover()
        return job_id is not None

    def _next(self) -> str | None:
        with self._changed:
            first = self._dropped - self._stuck
            job_id = next((each for each in self._todo if each in first), None)
            job_id = job_id or next(iter(self._todo), None)
            self._todo.pop(job_id or "", None)
        return job_id

    def _bring(self, job_id: str) -> None:
        if job_id in self._dropped:
            self.archive.erase(job_id)
            with self._changed:
                self._dropped.discard(job_id)
                self._stuck.discard(job_id)
        elif entry := self._held(job_id):
            self.archive.save(entry, self._info)
        else:  # it ended and has left memory: it is not to be painted again
            self.archive.remove_unfinished(job_id)

    def _complain(self, what: str, error: Exception) -> None:
        """Once until it is over: not for each job."""
        with self._changed:
            is_news, self._is_troubled = not self._is_troubled, True
        if is_news:
            reason = getattr(error, "strerror", None) or error
            log.error("Pictures cannot be %s: %s. Jobs go on without their copies.", what, reason)

    def _recover(self) -> None:
        """Once nothing is left: while a large picture finds no room, smaller ones may."""
        with self._changed:
            is_news = self._is_troubled and not self._todo
            self._is_troubled = self._is_troubled and not is_news
        if is_news:
            log.warning("Pictures are saved again.")

    def _run(self) -> None:
        while not self._wait():
            self._step_on()
        self._step_on()
        if not self._is_sudden:
            with suppress(sqlite3.Error):
                self.archive.count_tries(-1)

    def _step_on(self) -> None:
        while self.step():
            pass

    def _wait(self) -> bool:
        """Until there is something to do, or to try again; returns whether it is closed."""
        with self._changed:
            if self._is_troubled:
                self._changed.wait_for(lambda: self._is_closed, RETRY_SECONDS)
            else:  # a reader may find trouble meanwhile, of which a writer has yet to see anything
                self._changed.wait_for(lambda: self._is_closed or self._todo, EXPIRY_SECONDS)
            return self._is_closed
