"""Which copy of a repository was verified, so that nobody has to hash 7 GB to know.

It holds for files of the same size, inode and time of change: nothing has written to them since.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models_cache import manifest
from models_cache.catalog import File
from models_cache.checkpoint_file import DamagedFile, MissingFile, read_json

SUFFIX = ".verified"


def write(cache: Path, repository: str, copy: Path, files: Iterable[File]) -> None:
    """``copy`` may lie in another cache than ``cache``, where the receipt is kept."""
    try:
        manifest.write_json(manifest.path_of(cache, repository, SUFFIX), _content(copy, files))
    except OSError:
        # It spares work and nothing else: a cache that cannot be written does without.
        return


def holds(cache: Path, repository: str, copy: Path, files: Iterable[File]) -> bool:
    try:
        written = read_json(manifest.path_of(cache, repository, SUFFIX))
        return written == _content(copy, files)
    except (MissingFile, DamagedFile, OSError):
        return False


def _content(copy: Path, files: Iterable[File]) -> dict[str, Any]:
    return {"copy": str(copy), "files": {file.path: _identity(copy / file.path) for file in files}}


def _identity(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_ino, status.st_mtime_ns]
