"""Finds checkpoints on this machine. Nothing here touches the network."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from models_cache import advice, catalog, hub_cache, records
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.records import Manifest

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Store:
    """``folder`` is models_cache: demo/ is in git, hub/ is a Hugging Face cache of our own."""

    folder: Path = Path(__file__).parent
    user_cache: Path = field(default_factory=hub_cache.user_cache)

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    def named(self, name: str, family: Family) -> Checkpoint:
        """The checkpoint that a user means by ``name``: a folder, or an id on the hub.

        Raises CheckpointError if it can be neither, and for a checkpoint that we know to be of the
        other family.
        """
        path = Path(os.path.expanduser(name))
        try:
            is_folder, is_there = path.is_dir(), path.exists()
        except OSError as error:
            problem = f"{name} cannot be opened: {error.strerror}"
            raise CheckpointError(problem, Fault.MISSING) from error
        if is_folder:
            return self._in_folder(path.resolve(), family)
        if is_there:
            raise CheckpointError(
                f"{name} is a file",
                Fault.UNSUITABLE,
                "Name a folder, as diffusers and transformers save one.",
            )
        return _on_the_hub(name, family)

    def locate(self, checkpoint: Checkpoint) -> LocalCheckpoint:
        """The checkpoint's own folder, or the first copy that is whole.

        Copies are looked for in models_cache/hub, then in the user's own cache.

        A copy in models_cache/hub counts once its download was finished and recorded. In the user's
        cache the pinned revision comes first, then main, then any other: 7 GB need not be there
        twice. If a download recorded the commit of a checkpoint that we do not know, only that
        commit counts. Raises CheckpointError, for a damaged copy rather than for an incomplete one.
        """
        if checkpoint.folder:
            return LocalCheckpoint.open(checkpoint, (self.folder / checkpoint.folder).resolve())
        pinned = self.pinned(checkpoint)
        errors: list[CheckpointError] = []
        for folder in self._copies(checkpoint, pinned):
            try:
                found = LocalCheckpoint.open(pinned, folder)
                if folder.is_relative_to(self.hub):
                    _check_all_there(pinned, folder)
            except CheckpointError as error:
                errors.append(error)
            else:
                return found
        if errors:
            raise min(errors, key=lambda error: error.fault is Fault.MISSING)
        mend = advice.to_fetch([checkpoint])
        raise CheckpointError(self._absence(checkpoint), Fault.MISSING, mend, (checkpoint,))

    def pinned(self, checkpoint: Checkpoint) -> Checkpoint:
        """``checkpoint`` as its download was recorded, at that commit and with those digests.

        Unchanged if it was never downloaded, or at another commit than the catalog pins. Raises
        CheckpointError for a record that cannot be read.
        """
        recorded = self._manifest(checkpoint)
        if not recorded or checkpoint.revision not in (None, recorded.revision):
            return checkpoint
        known = {file.path: file for file in checkpoint.files if file.sha256}
        files = tuple(known.get(file.path, file) for file in recorded.files)
        licence = checkpoint.licence if checkpoint.revision else recorded.licence
        return replace(checkpoint, revision=recorded.revision, files=files, licence=licence)

    def _manifest(self, checkpoint: Checkpoint) -> Manifest | None:
        if not checkpoint.repository:
            return None
        try:
            return records.read(self.hub, checkpoint.repository)
        except CheckpointError as error:
            mend = f"To write it again:\n    {advice.command([checkpoint])}"
            raise CheckpointError(error.problem, Fault.DAMAGED, mend) from error

    def _absence(self, checkpoint: Checkpoint) -> str:
        if any(hub_cache.snapshots(self.hub, str(checkpoint.repository), None)):
            return f"The download of {checkpoint.name} was not finished"
        if checkpoint in catalog.KNOWN:
            what = f"{checkpoint.name} ({advice.description(checkpoint)})"
            return f"{what} is not on this machine"
        caches = f"{self.hub} and {self.user_cache}"
        return f"{checkpoint.name} is not on this machine: no folder, and not in {caches}"

    def _in_folder(self, folder: Path, family: Family) -> Checkpoint:
        for checkpoint in catalog.DEMO:
            if checkpoint.folder and folder == (self.folder / checkpoint.folder).resolve():
                return _of_family(checkpoint, family)
        return Checkpoint(folder.name, family, folder=folder)

    def _copies(self, checkpoint: Checkpoint, pinned: Checkpoint) -> Iterator[Path]:
        repository = str(checkpoint.repository)
        recorded = self._manifest(checkpoint)
        if recorded:
            ours = hub_cache.snapshot(self.hub, repository, recorded.revision)
            if ours.is_dir():
                yield ours
        for theirs in hub_cache.snapshots(self.user_cache, repository, pinned.revision):
            if checkpoint.revision or not recorded or theirs.name == recorded.revision:
                yield theirs


def _check_all_there(pinned: Checkpoint, folder: Path) -> None:
    """Also checks, of our own download, the files that loading could do without."""
    for file in pinned.files:
        if folder.name == pinned.revision and not (folder / file.path).is_file():
            missing = f"{folder / file.path} is missing"
            raise CheckpointError(missing, Fault.MISSING).advised(pinned)


def _on_the_hub(name: str, family: Family) -> Checkpoint:
    for checkpoint in catalog.FULL:
        if checkpoint.repository == name:
            return _of_family(checkpoint, family)
    if not HUB_ID.fullmatch(name):
        raise CheckpointError(
            f"There is no folder {name!r}, and an id on the Hugging Face hub has the form"
            " organisation/model",
            Fault.MISSING,
        )
    return Checkpoint(name, family, repository=name)


def _of_family(checkpoint: Checkpoint, family: Family) -> Checkpoint:
    if checkpoint.family is not family:
        raise CheckpointError(
            f"{checkpoint.name} is a checkpoint of the {checkpoint.family.value} family, not"
            f" {family.value}",
            Fault.UNSUITABLE,
            advice.ANOTHER,
        )
    return checkpoint
