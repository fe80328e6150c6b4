"""Fetching checkpoints from the hub until they are whole."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import Timeout
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

from models_cache import advice, hub_cache, records, whole
from models_cache.advice import CannotFetch, CheckpointError, Fault
from models_cache.catalog import Checkpoint, File, in_words
from models_cache.hub import Hub, Listing, on_this_machine
from models_cache.local_checkpoint import LocalCheckpoint, check_family
from models_cache.needed_files import FIRST_FILES, needed_files
from models_cache.records import Manifest
from models_cache.store import Store

# How long another download of the same checkpoint goes unmentioned.
PATIENCE_SECONDS = 0.2
OTHER_ID = "Name another hub id, or a folder."


@dataclass(frozen=True, slots=True)
class Shortfall:
    """``checkpoint`` at a commit, with all the files it needs, and which of them are not here.

    They go to the folder ``ours``. ``theirs`` is where the user's own cache has the same commit, or
    would have it. A size is None if neither catalog nor hub says it.
    """

    checkpoint: Checkpoint
    ours: Path
    theirs: Path

    @classmethod
    def of(cls, checkpoint: Checkpoint, store: Store) -> "Shortfall":
        repository, revision = str(checkpoint.repository), str(checkpoint.revision)
        caches = (store.hub, store.user_cache)
        folders = (hub_cache.snapshot(cache, repository, revision) for cache in caches)
        return cls(checkpoint, *folders)

    @property
    def repository(self) -> str:
        return str(self.checkpoint.repository)

    @property
    def revision(self) -> str:
        return str(self.checkpoint.revision)

    def lacks(self) -> list[File]:
        """Files that are not in ``ours``, the smallest first: then a stop costs least."""
        lacking = [file for file in self.checkpoint.files if not _has(self.ours, file)]
        return sorted(lacking, key=lambda file: file.size_bytes or 0)

    def to_borrow(self) -> list[File]:
        return [file for file in self.lacks() if _has(self.theirs, file)]

    def to_fetch(self) -> list[File]:
        return [file for file in self.lacks() if not _has(self.theirs, file)]

    @property
    def size_bytes(self) -> int:
        """The size of what is to be fetched."""
        return sum(file.size_bytes or 0 for file in self.to_fetch())


def say(text: str) -> None:
    """To stderr, where the progress bars are."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Download:
    """Into models_cache/hub of ``store``."""

    store: Store
    hub: Hub = field(default_factory=Hub)
    say: Callable[[str], None] = say

    def make_whole(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Fetches what neither cache has and what is damaged; checks every digest that is known.

        Each checkpoint has a repository. Several processes may do this at once. Raises
        CannotStart; the files that are whole by then are not fetched again.
        """
        mend = f"Then run:\n    {advice.command(checkpoints)}"
        try:
            lacking = [each for each in checkpoints if not self._is_whole(each)]
            self._fetch_all([self._shortfall(each) for each in lacking])
        except CannotFetch as error:
            raise CannotFetch(error.problem, error.advice or mend) from error
        except OSError as error:
            raise CannotFetch(on_this_machine(error), mend) from error

    def _is_whole(self, checkpoint: Checkpoint) -> bool:
        try:
            copy = self.store.locate(checkpoint)
        except CheckpointError as error:
            if error.fault is Fault.UNSUITABLE:
                raise
            return False
        damaged = whole.damaged(copy.folder, copy.files, checkpoint.name)
        for _, damage in damaged:
            self.say(f"{damage.problem}.")
        if not damaged:
            self._finish(checkpoint, copy)
        return not damaged

    def _shortfall(self, checkpoint: Checkpoint) -> Shortfall:
        """Asks the hub, unless nothing is to be fetched."""
        try:
            pinned = self.store.pinned(checkpoint)
        except CheckpointError:  # a record that cannot be read is written again
            pinned = checkpoint
        if pinned.revision and pinned.files:
            shortfall = Shortfall.of(pinned, self.store)
            if not shortfall.to_fetch():
                return shortfall
        listing = self.hub.listing(str(pinned.repository), pinned.revision)
        known = {file.path: file for file in pinned.files}
        paths = tuple(known) or self._needed(pinned, listing)
        licence = pinned.licence if known else listing.licence or pinned.licence
        files = tuple(_with_size(known.get(path, File(path)), listing.sizes) for path in paths)
        at_commit = replace(pinned, revision=listing.revision, files=files, licence=licence)
        return Shortfall.of(at_commit, self.store)

    def _needed(self, checkpoint: Checkpoint, listing: Listing) -> tuple[str, ...]:
        repository = str(checkpoint.repository)

        def shards_in(index: str) -> list[str]:
            """Fetches the index, as it alone is sure to know them: it is small."""
            return whole.shards_in(
                self.hub.fetch(repository, listing.revision, index, self.store.hub)
            )

        needed = needed_files(listing.sizes, checkpoint.family, shards_in)
        if needed.missing:
            problem = f"{repository} cannot be loaded: {needed.missing[0]}"
            raise CannotFetch(problem, OTHER_ID)
        return needed.paths

    def _fetch_all(self, shortfalls: Sequence[Shortfall]) -> None:
        """Fetches nothing before all were announced, and there is room for all."""
        for each in shortfalls:
            with self._lock(each):
                hub_cache.discard_remains(self.store.hub, each.repository)
        self._check_space(shortfalls)
        for each in shortfalls:
            self._announce(each)
        for each in shortfalls:
            with self._lock(each):
                self._borrow(each)
                self._fetch(each)
                self._mend(each)
                copy = self._record(each)
            self._finish(each.checkpoint, copy)

    def _check_space(self, shortfalls: Sequence[Shortfall]) -> None:
        needed = sum(each.size_bytes for each in shortfalls)
        free = shutil.disk_usage(_existing(self.store.hub)).free
        if needed > free:
            raise CannotFetch(
                f"{in_words(needed)} are to be fetched into {self.store.hub}, and its disk has"
                f" {in_words(free)} left: make room"
            )

    def _announce(self, shortfall: Shortfall) -> None:
        files = shortfall.to_fetch()
        count = f"{len(files)} file{'s' * (len(files) != 1)}"
        self.say(
            f"Fetching {shortfall.repository}: {count}, {in_words(shortfall.size_bytes)},"
            f" into {self.store.hub}. Licence: {shortfall.checkpoint.licence}."
        )

    @contextmanager
    def _lock(self, shortfall: Shortfall) -> Iterator[None]:
        path = records.path_of(self.store.hub, shortfall.repository).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with WeakFileLock(path, timeout=PATIENCE_SECONDS):
                yield
            return
        except Timeout:
            self.say(
                f"Another download of {shortfall.repository} is going on: waiting for its end."
            )
        with WeakFileLock(path):
            yield

    def _borrow(self, shortfall: Shortfall) -> None:
        """Links to what the user's own cache has of the same commit."""
        for file in shortfall.to_borrow():
            path = shortfall.ours / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            theirs = shortfall.theirs / file.path
            # To the blob itself, whose name is its digest.
            path.symlink_to(hub_cache.blob(theirs))

    def _fetch(self, shortfall: Shortfall) -> None:
        checkpoint = shortfall.checkpoint
        first = FIRST_FILES[checkpoint.family]
        for file in sorted(shortfall.lacks(), key=lambda file: file.path != first):
            self._fetch_file(shortfall, file)
            if file.path == first:  # before the gigabytes are fetched
                try:
                    check_family(shortfall.ours, checkpoint.family, shortfall.repository)
                except CheckpointError as error:
                    raise CannotFetch(error.problem, OTHER_ID) from error

    def _fetch_file(self, shortfall: Shortfall, file: File) -> None:
        # What is in the way is not in its size, or damaged, and is replaced.
        path = shortfall.ours / file.path
        is_in_the_way = path.is_symlink() or path.exists()
        if is_in_the_way:
            hub_cache.discard(shortfall.ours, file.path)
        where = shortfall.repository, shortfall.revision
        self.hub.fetch(*where, file.path, self.store.hub, again=is_in_the_way)

    def _mend(self, shortfall: Shortfall) -> None:
        """Fetches each damaged file once more."""
        damaged = self._damaged(shortfall, shortfall.checkpoint.files)
        for file in damaged:
            self.say(f"{shortfall.repository}: {file.path} is damaged and is fetched again.")
            self._fetch_file(shortfall, file)
        damaged = self._damaged(shortfall, damaged) if damaged else []
        for file in damaged:
            hub_cache.discard(shortfall.ours, file.path)
        if damaged:
            raise CannotFetch(
                f"{damaged[0].path} of {shortfall.repository} came damaged twice and was deleted:"
                " the hub or the network between changes it",
                f"Wait a while, then run:\n    {advice.command([shortfall.checkpoint])}",
            )

    def _damaged(self, shortfall: Shortfall, files: Sequence[File]) -> list[File]:
        damaged = whole.damaged(shortfall.ours, files, shortfall.repository)
        return [file for file, _ in damaged]

    def _record(self, shortfall: Shortfall) -> LocalCheckpoint:
        """Writes the manifest: ``Store.locate`` ignores a copy without one."""
        checkpoint = shortfall.checkpoint
        try:
            copy = LocalCheckpoint.open(checkpoint, shortfall.ours)
        except CheckpointError as error:
            problem = f"{error.problem}, as it was published"
            raise CannotFetch(problem, "Name another hub id.") from error
        files = tuple(_recorded(shortfall.ours, file) for file in checkpoint.files)
        where = shortfall.repository, checkpoint.family, shortfall.revision
        records.write(self.store.hub, Manifest(*where, checkpoint.licence, files))
        return copy

    def _finish(self, checkpoint: Checkpoint, copy: LocalCheckpoint) -> None:
        repository = str(checkpoint.repository)
        records.write_verified(self.store.hub, repository, copy.folder, copy.files)
        self.say(f"{checkpoint.name} is here and whole: {copy.folder}")


def _has(folder: Path, file: File) -> bool:
    path = folder / file.path
    return path.is_file() and file.size_bytes in (None, path.stat().st_size)


def _with_size(file: File, sizes: dict[str, int | None]) -> File:
    return file if file.size_bytes is not None else replace(file, size_bytes=sizes.get(file.path))


def _recorded(folder: Path, file: File) -> File:
    """The file with its size and SHA-256; a large file's was checked a moment ago."""
    path = folder / file.path
    known = whole.expected(file, path)
    is_sha256 = known and len(known) == whole.SHA256_DIGITS
    return File(file.path, path.stat().st_size, known if is_sha256 else whole.sha256(path))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())
