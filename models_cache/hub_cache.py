"""Hugging Face caches, by their layout on disk, so that looking needs no network.

https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import os
from collections.abc import Iterator
from pathlib import Path


def user_cache() -> Path:
    """The cache that all of this user's programs share."""
    # Here, because it takes 30 ms. It reads HF_HOME and HF_HUB_CACHE when it is first imported.
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE).absolute()


def snapshot(cache: Path, repository: str, revision: str) -> Path:
    """The folder of a commit's copy in ``cache``, if it has one."""
    return _root(cache, repository) / "snapshots" / revision


def snapshots(cache: Path, repository: str, revision: str | None) -> Iterator[Path]:
    """The copies in ``cache``, whole or not: of ``revision``, then of main, then any others."""
    root = _root(cache, repository)
    try:
        main = root / "refs" / "main"
        preferred = [revision, main.read_text().strip() if main.is_file() else None]
        there = sorted(path.name for path in (root / "snapshots").glob("*") if path.is_dir())
    except OSError:
        # A cache that this user may not read holds nothing for this user.
        return
    for name in dict.fromkeys([*preferred, *there]):
        if name in there:
            yield root / "snapshots" / name


def blob(path: Path) -> Path:
    """The file that a copy's file links to; itself if links are not supported."""
    # The first link only: a blob may be a link too, into a store that names it otherwise.
    return Path(os.path.normpath(path.parent / path.readlink())) if path.is_symlink() else path


def discard(copy: Path, file: str) -> None:
    """Removes one file of a copy, with its bytes if they are of the same cache.

    Raises OSError.
    """
    bytes_of_it = blob(copy / file)
    (copy / file).unlink(missing_ok=True)
    if bytes_of_it.parent == copy.parents[1] / "blobs":
        bytes_of_it.unlink(missing_ok=True)


def discard_remains(cache: Path, repository: str) -> None:
    """Removes what transfers that were killed left. Raises OSError."""
    for remains in (_root(cache, repository) / "blobs").glob("*.incomplete"):
        remains.unlink(missing_ok=True)


def _root(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"
