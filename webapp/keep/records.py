"""The records of kept jobs: a SQLite file, written by one thread and read by any."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from models_cache.advice import CannotStart

VERSION = 1

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,      -- counts up in the order in which jobs came
    id TEXT NOT NULL UNIQUE,
    original TEXT NOT NULL,          -- the original's id; jobs may share it
    original_bytes INTEGER NOT NULL,
    image_bytes INTEGER NOT NULL,
    ended REAL,                      -- in seconds since 1970; NULL until then
    tries INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL             -- JSON
);
CREATE INDEX ended ON jobs (ended) WHERE ended IS NOT NULL;
CREATE INDEX image_bytes ON jobs (image_bytes);
CREATE INDEX original ON jobs (original, original_bytes);
PRAGMA user_version = {VERSION};
COMMIT;
"""

SAVE = """
INSERT INTO jobs (id, original, original_bytes, image_bytes, ended, record)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET image_bytes = excluded.image_bytes, ended = excluded.ended, record = excluded.record
"""

TOTAL = """
SELECT (SELECT coalesce(sum(image_bytes), 0) FROM jobs)
     + (SELECT coalesce(sum(bytes), 0)
        FROM (SELECT max(original_bytes) AS bytes FROM jobs GROUP BY original))
"""

MEND = "Mend that, or name another folder with --keep."
ADVICE = "Move the folder away, or name another with --keep."


@dataclass(frozen=True, slots=True)
class Row:
    """``text`` is JSON; ``image_bytes`` is 0 without an image, ``ended`` None before the end.

    ``tries`` is how often the job was queued again.
    """

    id: str
    original: str
    original_bytes: int
    image_bytes: int
    ended: float | None
    text: str
    tries: int = 0


COLUMNS = "id, original, original_bytes, image_bytes, ended, record, tries"


class Records:
    """``find`` is for any thread, the rest for one. All may raise sqlite3.Error."""

    def __init__(self, file: Path) -> None:
        """Makes the file if it is not there. Raises CannotStart."""
        self.file = file
        try:
            _make(file)
            self._writer = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            with ExitStack() as undo:
                undo.callback(self._writer.close)
                self._check()
                undo.pop_all()
        except (sqlite3.OperationalError, OSError) as error:  # as of a full disk
            raise CannotStart(f"{file} cannot be used: {error}", MEND) from error
        except sqlite3.Error as error:
            raise CannotStart(f"{file} is damaged: {error}", ADVICE) from error

    def save(self, row: Row) -> None:
        values = (row.id, row.original, row.original_bytes, row.image_bytes, row.ended, row.text)
        self._writer.execute(SAVE, values)

    def find(self, job_ids: Sequence[str]) -> list[Row]:
        """Those that have ended."""
        marks = ", ".join("?" * len(job_ids))
        query = f"SELECT {COLUMNS} FROM jobs WHERE id IN ({marks}) AND ended IS NOT NULL"
        # Its own connection: one that all share would make readers wait for what is written.
        with closing(
            sqlite3.connect(f"{self.file.absolute().as_uri()}?mode=ro", uri=True)
        ) as reader:
            return [Row(*values) for values in reader.execute(query, job_ids)]

    def all(self, where: str = "TRUE") -> Iterator[Row]:
        """In the order in which they came."""
        rows = self._writer.execute(f"SELECT {COLUMNS} FROM jobs WHERE {where} ORDER BY number")
        return (Row(*values) for values in rows)

    def unfinished(self) -> list[Row]:
        """In the order in which they came."""
        return list(self.all("ended IS NULL"))

    def count_tries(self, by: int = 1) -> None:
        """Of each job that has not ended."""
        self._writer.execute("UPDATE jobs SET tries = tries + ? WHERE ended IS NULL", [by])

    def shift_ends(self, job_ids: Iterable[str], seconds: float) -> None:
        """Of those jobs that have ended."""
        query = "UPDATE jobs SET ended = ended + ? WHERE id IN (SELECT value FROM json_each(?))"
        self._writer.execute(query, [seconds, json.dumps(list(job_ids))])

    def total_bytes(self) -> int:
        """Of all pictures."""
        (total,) = self._writer.execute(TOTAL).fetchone()
        return int(total)

    def oldest(self) -> Row | None:
        """Of those that have ended, the one that did first."""
        query = f"SELECT {COLUMNS} FROM jobs WHERE ended IS NOT NULL ORDER BY ended LIMIT 1"
        return next((Row(*values) for values in self._writer.execute(query)), None)

    def of(self, job_id: str) -> Row | None:
        query = f"SELECT {COLUMNS} FROM jobs WHERE id = ?"
        return next((Row(*values) for values in self._writer.execute(query, [job_id])), None)

    def is_shared(self, row: Row) -> bool:
        """Whether another job has the same original."""
        query = "SELECT EXISTS (SELECT 1 FROM jobs WHERE original = ? AND id != ?)"
        (found,) = self._writer.execute(query, [row.original, row.id]).fetchone()
        return bool(found)

    def delete(self, job_id: str) -> None:
        self._writer.execute("DELETE FROM jobs WHERE id = ?", [job_id])

    def erase_deleted(self) -> None:
        """Empties the log beside the file, where what was deleted still stands."""
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        self._writer.close()

    def _check(self) -> None:
        """Raises CannotStart for a file that is damaged, or of a newer version of ours."""
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            problem = f"{self.file} is of a newer version of Lookalike"
            raise CannotStart(problem, "Update this one, or name another folder with --keep.")
        (found,) = self._writer.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise CannotStart(f"{self.file} is damaged", ADVICE)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._writer.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        if version == 0:
            self._writer.executescript(SCHEMA)


def _make(file: Path) -> None:
    """SQLite gives the files beside it the same rights."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
