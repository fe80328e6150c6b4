"""The archive: pictures in a folder and their records, bounded in bytes and days."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from generator.job import Failed, Outcome, Succeeded
from generator.model_info import ModelInfo
from generator.png import painted_png
from models_cache.advice import CannotStart
from webapp.job_store import Entry, UnknownJob
from webapp.keep.calendar import Calendar
from webapp.keep.folder import RECORDS, Folder, image_name, original_name
from webapp.keep.record import Damaged, format_record, parse_record
from webapp.keep.records import ADVICE, Records, Row

log = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600.0


class Archive:
    """``find`` is for any thread, the rest for one. All may raise OSError and sqlite3.Error.

    A job's record is written after its pictures, and goes after them. Only jobs that have ended
    make room for others, in the order of their ends.
    """

    def __init__(
        self,
        folder: Folder,
        records: Records,
        max_bytes: int,
        max_days: int,
        calendar: Calendar,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_days = max_days
        self._folder = folder
        self._records = records
        self._calendar = calendar
        self._leapt = calendar.leapt
        self._undated: set[str] = set()  # jobs that ended while the date was not believed

    @classmethod
    def open(
        cls, path: Path, max_bytes: int, max_days: int, calendar: Calendar | None = None
    ) -> "Archive":
        """Removes what a stop left half-written. Raises CannotStart."""
        with ExitStack() as undo:
            folder = undo.enter_context(closing(Folder.open(path)))
            records = undo.enter_context(closing(Records(path / RECORDS)))
            archive = cls(folder, records, max_bytes, max_days, calendar or Calendar())
            try:
                archive._tidy()
            except (OSError, sqlite3.Error) as error:
                raise CannotStart(f"pictures cannot be kept in {path}: {error}", ADVICE) from error
            undo.pop_all()
        return archive

    def save(self, entry: Entry, info: ModelInfo) -> None:
        """Saves a job as it is now; ``info`` is of the model that paints."""
        outcome = _lasting(entry.job.outcome)
        original, png = entry.original, _png(entry, outcome, info)
        files = (
            {}
            if self._folder.has(original_name(original.id))
            else {original_name(original.id): original.jpeg}
        )
        files |= {image_name(entry.job.id): png} if png else {}
        self._settle_dates()
        ended = self._calendar.now() if outcome else None
        size, text = len(original.jpeg), format_record(entry, outcome)
        with ExitStack() as undo:
            for name, data in files.items():
                if not self._folder.has(name):  # else an earlier record has it
                    undo.callback(self._folder.remove, name)
                self._folder.write(name, data)
            self._records.save(Row(entry.job.id, original.id, size, len(png), ended, text))
            undo.pop_all()
        self._undated.add(entry.job.id)

    def find(self, job_ids: Sequence[str]) -> list[Entry]:
        """Jobs that have ended. Their pictures are read when they are asked for."""
        return [entry for row in self._records.find(job_ids) if (entry := self._entry(row))]

    def unfinished(self) -> list[tuple[Entry, int]]:
        """In the order in which they came, and how often each was queued again."""
        found = []
        for row in self._records.unfinished():
            if entry := self._entry(row):
                found.append((entry, row.tries))
            else:  # nobody could find it, nor end it
                with suppress(OSError, sqlite3.Error):  # a full disk is no reason not to start
                    self.remove(row.id)
        return found

    def count_tries(self, by: int = 1) -> None:
        """Notes that all unfinished jobs are queued again; -1 takes it back."""
        self._records.count_tries(by)

    def remove(self, job_id: str) -> int:
        """Removes a job, and its original unless another has the same. Returns the bytes freed."""
        row = self._records.of(job_id)
        if row is None:
            return 0
        freed = row.image_bytes
        self._folder.remove(image_name(job_id))
        if not self._records.is_shared(row):
            self._folder.remove(original_name(row.original))
            freed += row.original_bytes
        self._records.delete(job_id)
        return freed

    def erase(self, job_id: str) -> None:
        """Removes a job, and its words from the database's own files."""
        self.remove(job_id)
        self._records.erase_deleted()

    def remove_unfinished(self, job_id: str) -> None:
        """Removes a job of which no more can be known than that it was begun."""
        row = self._records.of(job_id)
        if row is not None and row.ended is None:
            self.remove(job_id)

    def make_room(self) -> None:
        """Removes the oldest jobs until the others are within the bounds."""
        is_dated = self._settle_dates()
        too_old = self._calendar.now() - self.max_days * DAY_SECONDS if is_dated else 0.0
        total = self._records.total_bytes()
        while (oldest := self._records.oldest()) and oldest.ended is not None:
            if oldest.ended >= too_old and total <= self.max_bytes:
                return
            total -= self.remove(oldest.id)

    def _settle_dates(self) -> bool:
        """Whether the date is believed. What ended by a wrong one gets the right one with it."""
        is_believed = self._calendar.is_believed()
        if leapt := self._calendar.leapt - self._leapt:
            self._records.shift_ends(self._undated, leapt)
            self._leapt = self._calendar.leapt
        if is_believed:
            self._undated.clear()
        return is_believed

    def close(self) -> None:
        self._records.close()
        self._folder.close()

    def _tidy(self) -> None:
        """Removes records without their pictures, pictures without a record, what is too much."""
        whole = [(row.id, all(map(self._folder.has, _files(row)))) for row in self._records.all()]
        for job_id, is_whole in whole:
            if not is_whole:
                self.remove(job_id)
        self._folder.sweep({name for row in self._records.all() for name in _files(row)})
        self.make_room()

    def _entry(self, row: Row) -> Entry | None:
        """None if the record makes no sense."""
        read_png = partial(self._read, image_name(row.id))
        try:
            return parse_record(
                row.id,
                row.original,
                row.text,
                read_original=partial(self._read, original_name(row.original)),
                read_image=lambda: _decoded(read_png()),
                read_png=read_png,
            )
        except Damaged:
            log.warning("the record of job %s makes no sense: it is left out", row.id[:8])
            return None

    def _read(self, name: str) -> bytes:
        try:
            return self._folder.read(name)
        except OSError as error:  # removed since its record was read
            raise UnknownJob(outlives_restarts=True) from error


def _lasting(outcome: Outcome | None) -> Outcome | None:
    """None for a job that only the end of an engine has ended: it is to be queued again."""
    return None if isinstance(outcome, Failed) and outcome.stopped else outcome


def _png(entry: Entry, outcome: Outcome | None, info: ModelInfo) -> bytes:
    """Empty without an image."""
    request = entry.job.request
    if not isinstance(outcome, Succeeded) or request is None:
        return b""
    return painted_png(outcome, request, info)


def _files(row: Row) -> list[str]:
    image = [image_name(row.id)] if row.image_bytes else []
    return [original_name(row.original), *image]


def _decoded(png: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(png)) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's, of a file that was damaged
        raise UnknownJob(outlives_restarts=True) from error
