"""What the first download of a repository brought: its commit, and each file's size and SHA-256.

Written once all of it is there and its digests were checked: until then nothing in
models_cache/hub is loaded. Later starts load this commit and no other.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_cache.catalog import Family, File
from models_cache.checkpoint_file import DamagedFile, read_json

COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Manifest:
    repository: str
    family: Family
    revision: str
    licence: str
    files: tuple[File, ...]


def path_of(cache: Path, repository: str, suffix: str = "") -> Path:
    """``suffix`` is for what else is kept of the same repository."""
    return cache / "manifests" / f"{repository.replace('/', '--')}{suffix}.json"


def read(cache: Path, repository: str) -> Manifest | None:
    """None where ``repository`` was never downloaded into ``cache``. Raises DamagedFile."""
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
        raise DamagedFile(path, "is not the record of a download") from error


def read_all(cache: Path) -> list[Manifest]:
    """All that can be read."""
    found = []
    for path in sorted((cache / "manifests").glob("*.json")):
        try:
            recorded = read(cache, path.stem.replace("--", "/", 1))
        except DamagedFile:
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
    write_json(path_of(cache, manifest.repository), content)


def write_json(path: Path, content: Any) -> None:
    """All of it or nothing, whenever the machine stops. Raises OSError."""
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
