"""What has to be fetched of a checkpoint, before anything is."""

from dataclasses import dataclass, replace
from pathlib import Path

from models_cache import hub_cache, selection
from models_cache.catalog import Checkpoint, File
from models_cache.hub import Hub, Listing
from models_cache.layout import WrongCheckpoint
from models_cache.store import DamagedModel, Store


@dataclass(frozen=True, slots=True)
class Plan:
    """``checkpoint`` at a commit, with all the files it needs.

    They go to the folder ``ours``. ``theirs`` is where the user's own cache has the same commit, or
    would have it. A size is None where neither catalog nor hub says it.
    """

    checkpoint: Checkpoint
    ours: Path
    theirs: Path

    @property
    def repository(self) -> str:
        return str(self.checkpoint.repository)

    @property
    def revision(self) -> str:
        return str(self.checkpoint.revision)

    def lacks(self) -> list[File]:
        """What is not in ``ours``, the smallest first: whatever stops a download costs least."""
        lacking = [file for file in self.checkpoint.files if not _has(self.ours, file)]
        return sorted(lacking, key=lambda file: file.size_bytes or 0)

    def to_borrow(self) -> list[File]:
        return [file for file in self.lacks() if _has(self.theirs, file)]

    def to_fetch(self) -> list[File]:
        return [file for file in self.lacks() if not _has(self.theirs, file)]

    @property
    def size_bytes(self) -> int:
        """Of what is to be fetched."""
        return sum(file.size_bytes or 0 for file in self.to_fetch())


def make_plan(checkpoint: Checkpoint, store: Store, hub: Hub) -> Plan:
    """Asks the hub, unless nothing is to be fetched. Raises HubError and WrongCheckpoint."""
    pinned = _pinned(checkpoint, store)
    if pinned.revision and pinned.files:
        plan = _plan(pinned, store)
        if not plan.to_fetch():
            return plan
    listing = hub.listing(str(pinned.repository), pinned.revision)
    known = {file.path: file for file in pinned.files}
    paths = tuple(known) or _needed(listing, pinned)
    licence = pinned.licence if known else listing.licence or pinned.licence
    files = tuple(_with_size(known.get(path, File(path)), listing.sizes) for path in paths)
    return _plan(replace(pinned, revision=listing.revision, files=files, licence=licence), store)


def _needed(listing: Listing, checkpoint: Checkpoint) -> tuple[str, ...]:
    try:
        return selection.needed(listing.sizes, checkpoint.family)
    except WrongCheckpoint as error:
        raise WrongCheckpoint(f"{checkpoint.repository} {error}") from error


def _pinned(checkpoint: Checkpoint, store: Store) -> Checkpoint:
    try:
        return store.pinned(checkpoint)
    except DamagedModel:
        # A record that cannot be read is written again.
        return checkpoint


def _plan(checkpoint: Checkpoint, store: Store) -> Plan:
    repository, revision = str(checkpoint.repository), str(checkpoint.revision)
    caches = (store.hub, store.user_cache)
    return Plan(checkpoint, *(hub_cache.snapshot(cache, repository, revision) for cache in caches))


def _with_size(file: File, sizes: dict[str, int | None]) -> File:
    return file if file.size_bytes is not None else replace(file, size_bytes=sizes.get(file.path))


def _has(folder: Path, file: File) -> bool:
    path = folder / file.path
    return path.is_file() and file.size_bytes in (None, path.stat().st_size)
