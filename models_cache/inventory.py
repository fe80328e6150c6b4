"""What is on this machine, and whether it is what was published."""

from dataclasses import dataclass, replace
from pathlib import Path

from models_cache import catalog, digest, manifest, receipt, remedy, size
from models_cache.catalog import ROLES, Checkpoint, File
from models_cache.store import ModelError, Store


@dataclass(frozen=True, slots=True)
class Verified:
    """A copy that is whole. ``unknown`` are its files whose digest nobody recorded."""

    copy: Path
    size_bytes: int
    unknown: tuple[str, ...]


def fetched(store: Store) -> list[Checkpoint]:
    """What a download brought that the catalog does not know."""
    known = {checkpoint.repository for checkpoint in catalog.FULL}
    return [
        store.pinned(Checkpoint(each.repository, each.family, repository=each.repository))
        for each in manifest.read_all(store.hub)
        if each.repository not in known
    ]


def verify(checkpoint: Checkpoint, store: Store) -> Verified:
    """Reads every byte of a checkpoint with a repository. Raises ModelError and OSError."""
    copy = store.locate(checkpoint)
    files = store.files(checkpoint, copy)
    damaged = digest.damaged(copy, files, checkpoint.name)
    if damaged:
        sentences = "\n".join(f"{damage}." for damage in damaged)
        raise ModelError(f"{sentences} {remedy.to_replace(checkpoint)}")
    receipt.write(store.hub, str(checkpoint.repository), copy, files)
    unknown = tuple(file.path for file in files if not digest.expected(file, copy / file.path))
    return Verified(copy, size.of(copy / file.path for file in files), unknown)


def describe(checkpoint: Checkpoint, store: Store) -> str:
    """Two lines: what it is; where it is, or how to get it."""
    title = f"{ROLES[checkpoint.family]}: {checkpoint.name}"
    try:
        copy = store.locate(checkpoint)
    except ModelError as error:
        return f"{title}, {remedy.what_it_is(checkpoint)}\n    {error}"
    if checkpoint.folder:
        files = [path for path in copy.rglob("*") if path.is_file()]
        state = "in git"
    else:
        needed = store.files(checkpoint, copy)
        files = [copy / file.path for file in needed]
        is_verified = receipt.holds(store.hub, str(checkpoint.repository), copy, needed)
        state = "verified" if is_verified else "not verified since it came or changed"
    there = tuple(File(file.name, size.of([file])) for file in files)
    what = remedy.what_it_is(replace(checkpoint, files=there))
    return f"{title}, {what}\n    here, {state}: {copy}"
