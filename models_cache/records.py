"""Records of downloads: what each brought (its manifest), and what was verified since.

A manifest holds a repository's commit, and each file's size and SHA-256. It is written once all
files are there and their digests were checked: until then nothing in models_cache/hub is loaded.
Later starts load this commit and no other.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_cache.advice import CheckpointError
from models_cache.catalog import Family, File
from models_cache.whole import damage, read_json

COMMIT = re.compile("[0-9a-f]{40}")
VERIFIED = ".verified"


@dataclass(frozen=True, slots=True)
class Manifest:
    repository: str
    family: Family
    revision: str
    licence: str
    files: tuple[File, ...]


def path_of(cache: Path, repository: str, suffix: str = "") -> Path:
    """The manifest's path; with a ``suffix`` that of another record of the same repository."""
    return cache / "manifests" / f"{repository.replace('/', '--')}{suffix}.json"


def read(cache: Path, repository: str) -> Manifest | None:
    """None if ``repository`` was never downloaded into ``cache``. Raises CheckpointError."""
    path = path_of(cache, repository)
    try:
        if not path.is_file():
            return None
        content = read_json(path)
    except OSError:
        # A cache that this user may not read holds nothing for this user.
        return None
    try:
        return _parse(repository, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damage(path, "is not the record of a download") from error


def read_all(cache: Path) -> list[Manifest]:
    """All manifests that can be read."""
    found = []
    for path in sorted((cache / "manifests").glob("*.json")):
        try:
            recorded = read(cache, path.stem.replace("--", "/", 1))
        except CheckpointError:
            continue
        if recorded:
            found.append(recorded)
    return found


def write(cache: Path, manifest: Manifest) -> None:
    """Raises OSError."""
    files = {file.path: {"size": file.size_bytes, "sha256": file.sha256} for file in manifest.files}
    content = {
        "repository": manifest.repository,
        "family": manifest.family.value,
        "revision": manifest.revision,
        "licence": manifest.licence,
        "files": files,
    }
    _write_json(path_of(cache, manifest.repository), content)


def write_verified(cache: Path, repository: str, copy: Path, files: Iterable[File]) -> None:
    """Notes that ``copy`` was verified, so that no one has to hash 7 GB to know it.

    The copy may lie in another cache than ``cache``, where the note is kept.
    """
    try:
        _write_json(path_of(cache, repository, VERIFIED), _identities(copy, files))
    except OSError:
        # The note saves work and nothing else: a cache that cannot be written does without.
        return


def is_verified(cache: Path, repository: str, copy: Path, files: Iterable[File]) -> bool:
    """Whether the files are unchanged since: their sizes, inodes and times of change are equal."""
    try:
        written = read_json(path_of(cache, repository, VERIFIED))
        return written == _identities(copy, files)
    except (CheckpointError, OSError):
        return False


def _write_json(path: Path, content: Any) -> None:
    """Writes all of it or nothing, whenever the machine stops. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _parse(repository: str, content: dict[str, Any]) -> Manifest:
    revision = content["revision"]
    if not COMMIT.fullmatch(revision):
        raise ValueError(revision)
    files = tuple(
        File(path, int(entry["size"]), str(entry["sha256"]))
        for path, entry in content["files"].items()
    )
    licence = str(content["licence"])
    return Manifest(repository, Family(content["family"]), revision, licence, files)


def _identities(copy: Path, files: Iterable[File]) -> dict[str, Any]:
    return {"copy": str(copy), "files": {file.path: _identity(copy / file.path) for file in files}}


def _identity(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_ino, status.st_mtime_ns]
