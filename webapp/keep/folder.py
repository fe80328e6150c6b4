"""The folder of ``--keep``: of one server at a time; its files are whole, and its owner's alone.

Files are named by ids of ours, never by what a client sent.
"""

import fcntl
import os
import re
from collections.abc import Container
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from models_cache.advice import CannotStart

ORIGINALS = "originals"
IMAGES = "images"
RECORDS = "jobs.sqlite"
LOCK = "lock"

OURS = re.compile(r"(?:new-)?[0-9a-f]{32}\.(?:jpg|png)")


def original_name(original_id: str) -> str:
    return f"{ORIGINALS}/{original_id}.jpg"


def image_name(job_id: str) -> str:
    return f"{IMAGES}/{job_id}.png"


@dataclass(frozen=True, slots=True)
class Folder:
    """Locked for as long as the process lives, however it ends: ``lock`` is an open file."""

    path: Path
    lock: int

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """Makes the folder if it is not there. Raises CannotStart."""
        try:
            for each in (path, path / ORIGINALS, path / IMAGES):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ExitStack() as undo:
                folder = undo.enter_context(closing(cls(path, _lock(path / LOCK))))
                folder._try_to_write()
                undo.pop_all()
        except BlockingIOError as error:
            problem = f"another server keeps its pictures in {path}"
            raise CannotStart(problem, "Stop it, or name another folder with --keep.") from error
        except OSError as error:
            problem = f"pictures cannot be kept in {path}: {error.strerror}"
            raise CannotStart(problem, "Name another folder with --keep.") from error
        return folder

    def write(self, name: str, data: bytes) -> None:
        """Writes all of a file or nothing, whenever the machine stops. Raises OSError."""
        target = self.path / name
        beside = target.with_name(f"new-{target.name}")
        try:
            with open(beside, "wb", opener=_for_its_owner) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        _sync(target.parent)

    def read(self, name: str) -> bytes:
        """Raises OSError."""
        return (self.path / name).read_bytes()

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def remove(self, name: str) -> None:
        """Raises OSError, but not if it is gone already."""
        (self.path / name).unlink(missing_ok=True)

    def sweep(self, known: Container[str]) -> None:
        """Removes what a stop left half-written, and files that no record names. Raises OSError."""
        for part in (ORIGINALS, IMAGES):
            for file in (self.path / part).iterdir():
                if OURS.fullmatch(file.name) and f"{part}/{file.name}" not in known:
                    file.unlink()

    def close(self) -> None:
        os.close(self.lock)

    def _try_to_write(self) -> None:
        for part in (ORIGINALS, IMAGES):
            name = f"{part}/{'0' * 32}.jpg"
            self.write(name, b"")
            self.remove(name)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sync(folder: Path) -> None:
    """So that a name outlasts a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
