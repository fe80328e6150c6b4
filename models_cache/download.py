"""Fetching checkpoints from the hub until they are whole."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

from models_cache import (
    digest,
    hub_cache,
    hub_error,
    layout,
    manifest,
    receipt,
    remedy,
    size,
)
from models_cache.catalog import Checkpoint, File
from models_cache.checkpoint_file import DamagedFile, MissingFile
from models_cache.hub import Hub, HubError
from models_cache.layout import WrongCheckpoint
from models_cache.manifest import Manifest
from models_cache.plan import Plan, make_plan
from models_cache.store import DamagedModel, MissingModel, Store, UnsuitableModel

# How long another download of the same checkpoint goes unmentioned.
PATIENCE_SECONDS = 0.2


class CannotFetch(Exception):
    """What is wrong and how to mend it: ready to print."""


class NoRoom(Exception):
    """A sentence without its full stop."""


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

        Each checkpoint has a repository. Several processes may do this at once. Raises CannotFetch;
        the files that are whole by then are not fetched again.
        """
        mend = f"Then run:\n    {remedy.command(checkpoints)}"
        try:
            lacking = [each for each in checkpoints if not self._is_whole(each)]
            self._carry_out([make_plan(each, self.store, self.hub) for each in lacking])
        except WrongCheckpoint as error:
            raise CannotFetch(f"{error}. Name another hub id, or a folder.") from error
        except UnsuitableModel as error:
            raise CannotFetch(str(error)) from error
        except (HubError, NoRoom) as error:
            raise CannotFetch(f"{error}. {mend}") from error
        except OSError as error:
            raise CannotFetch(f"{hub_error.on_this_machine(error)}. {mend}") from error

    def _is_whole(self, checkpoint: Checkpoint) -> bool:
        try:
            copy = self.store.locate(checkpoint)
            files = self.store.files(checkpoint, copy)
        except (MissingModel, DamagedModel):
            return False
        damaged = digest.damaged(copy, files, checkpoint.name)
        for damage in damaged:
            self.say(f"{damage}.")
        if not damaged:
            self._finish(checkpoint, copy, files)
        return not damaged

    def _carry_out(self, plans: Sequence[Plan]) -> None:
        """Nothing is fetched before it is said of all, and there is room for all."""
        self._check_space(plans)
        for plan in plans:
            self._announce(plan)
        for plan in plans:
            with self._lock(plan):
                hub_cache.discard_remains(self.store.hub, plan.repository)
                self._borrow(plan)
                self._fetch(plan)
                self._mend(plan)
                self._record(plan)
            self._finish(plan.checkpoint, plan.ours, plan.checkpoint.files)

    def _check_space(self, plans: Sequence[Plan]) -> None:
        needed = sum(each.size_bytes for each in plans)
        free = shutil.disk_usage(_existing(self.store.hub)).free
        if needed > free:
            raise NoRoom(
                f"{size.in_words(needed)} are to be fetched into {self.store.hub}, and its disk has"
                f" {size.in_words(free)} left: make room"
            )

    def _announce(self, plan: Plan) -> None:
        files = plan.to_fetch()
        count = f"{len(files)} file{'s' * (len(files) != 1)}"
        self.say(
            f"Fetching {plan.repository}: {count}, {size.in_words(plan.size_bytes)},"
            f" into {self.store.hub}. Licence: {plan.checkpoint.licence}."
        )

    @contextmanager
    def _lock(self, plan: Plan) -> Iterator[None]:
        path = manifest.path_of(self.store.hub, plan.repository).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with WeakFileLock(path, timeout=PATIENCE_SECONDS):
                yield
            return
        except Timeout:
            self.say(f"Another download of {plan.repository} is going on: waiting for its end.")
        with WeakFileLock(path):
            yield

    def _borrow(self, plan: Plan) -> None:
        """Links to what the user's own cache has of the same commit."""
        for file in plan.to_borrow():
            path = plan.ours / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            theirs = plan.theirs / file.path
            # To the blob itself, whose name is its digest.
            path.symlink_to(hub_cache.blob(theirs))

    def _fetch(self, plan: Plan) -> None:
        first = layout.FIRST_FILES[plan.checkpoint.family]
        for file in sorted(plan.lacks(), key=lambda file: file.path != first):
            self._fetch_file(plan, file)
            if file.path == first:
                self._check_family(plan)

    def _fetch_file(self, plan: Plan, file: File) -> None:
        # What is in the way is not in its size, or damaged, and is replaced.
        is_in_the_way = (plan.ours / file.path).is_symlink() or (plan.ours / file.path).exists()
        if is_in_the_way:
            hub_cache.discard(plan.ours, file.path)
        self.hub.fetch(
            plan.repository, plan.revision, file.path, self.store.hub, again=is_in_the_way
        )

    def _check_family(self, plan: Plan) -> None:
        """Before the gigabytes are fetched."""
        try:
            layout.check_family(plan.ours, plan.checkpoint.family, plan.repository)
        except (WrongCheckpoint, DamagedFile) as error:
            raise CannotFetch(f"{error}. Name another hub id, or a folder.") from error

    def _mend(self, plan: Plan) -> None:
        """Fetches each damaged file once more."""
        damaged = self._damaged(plan, plan.checkpoint.files)
        for file in damaged:
            self.say(f"{plan.repository}: {file.path} is damaged and is fetched again.")
            self._fetch_file(plan, file)
        damaged = self._damaged(plan, damaged) if damaged else []
        for file in damaged:
            hub_cache.discard(plan.ours, file.path)
        if damaged:
            raise CannotFetch(
                f"{damaged[0].path} of {plan.repository} came damaged twice and was deleted: the"
                " hub or the network between changes it. Wait a while, then run:\n"
                f"    {remedy.command([plan.checkpoint])}"
            )

    def _damaged(self, plan: Plan, files: Sequence[File]) -> list[File]:
        paths = [damage.path for damage in digest.damaged(plan.ours, files, plan.repository)]
        return [file for file in files if plan.ours / file.path in paths]

    def _record(self, plan: Plan) -> None:
        """Only then is it found."""
        try:
            layout.check(plan.ours, plan.checkpoint.family)
        except (WrongCheckpoint, DamagedFile, MissingFile) as error:
            raise CannotFetch(f"{error}, as it was published. Name another hub id.") from error
        files = tuple(_recorded(plan.ours, file) for file in plan.checkpoint.files)
        licence = plan.checkpoint.licence
        manifest.write(
            self.store.hub,
            Manifest(plan.repository, plan.checkpoint.family, plan.revision, licence, files),
        )

    def _finish(self, checkpoint: Checkpoint, copy: Path, files: Sequence[File]) -> None:
        receipt.write(self.store.hub, str(checkpoint.repository), copy, files)
        self.say(f"{checkpoint.name} is here and whole: {copy}")


def _recorded(folder: Path, file: File) -> File:
    """With its size, and its SHA-256, which for a large file was checked a moment ago."""
    path = folder / file.path
    known = digest.expected(file, path)
    is_sha256 = known and len(known) == digest.SHA256_DIGITS
    return File(file.path, path.stat().st_size, known if is_sha256 else digest.sha256(path))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())
