"""Where checkpoints lie on this machine. Nothing here touches the network."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from models_cache import catalog, hub_cache, layout, manifest, remedy, selection
from models_cache.catalog import Checkpoint, Family, File
from models_cache.checkpoint_file import DamagedFile, MissingFile, check_size
from models_cache.layout import WrongCheckpoint
from models_cache.manifest import Manifest

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


class ModelError(Exception):
    """What is wrong, naming the file or checkpoint, and how to mend it: ready to print."""


class MissingModel(ModelError):
    """Not on this machine, or not all of it. ``fetchable`` is what a download would bring."""

    def __init__(
        self, problem: str, mend: str = "", fetchable: tuple[Checkpoint, ...] = ()
    ) -> None:
        super().__init__(f"{problem} {mend}".rstrip())
        self.problem = problem
        self.fetchable = fetchable


class DamagedModel(ModelError):
    """A file is there, and is not what it should be."""


class UnsuitableModel(ModelError):
    """Another family than was asked for, or nothing that can be loaded here."""


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

        Raises MissingModel where it can be neither, and UnsuitableModel for a checkpoint that we
        know to be of the other family.
        """
        path = Path(os.path.expanduser(name))
        try:
            is_folder, is_there = path.is_dir(), path.exists()
        except OSError as error:
            raise MissingModel(f"{name} cannot be opened: {error.strerror}.") from error
        if is_folder:
            return self._in_folder(path.resolve(), family)
        if is_there:
            raise UnsuitableModel(
                f"{name} is a file. Name a folder, as diffusers and transformers save one."
            )
        return _on_the_hub(name, family)

    def locate(self, checkpoint: Checkpoint) -> Path:
        """The first copy that is whole: in models_cache/hub, then in the user's own cache.

        A copy in models_cache/hub counts once its download was finished and recorded. In the user's
        cache the pinned revision comes first, then main, then any other: nobody wants 7 GB twice.
        Where a download recorded the commit of a checkpoint that we do not know, only that counts.
        Raises ModelError, for a damaged copy rather than for an incomplete one.
        """
        pinned = self.pinned(checkpoint)
        errors: list[ModelError] = []
        for folder in self._copies(checkpoint, pinned):
            try:
                check(pinned, folder)
                if folder.is_relative_to(self.hub):
                    _check_all_there(pinned, folder)
            except ModelError as error:
                errors.append(error)
            else:
                return folder
        if errors:
            raise min(errors, key=lambda error: isinstance(error, MissingModel))
        mend = remedy.to_fetch([checkpoint])
        raise MissingModel(self._absence(checkpoint), mend, (checkpoint,))

    def pinned(self, checkpoint: Checkpoint) -> Checkpoint:
        """``checkpoint`` as its download was recorded, at the commit and with the digests of then.

        As it is where it was never downloaded, or at another commit than the catalog pins. Raises
        DamagedModel for a record that cannot be read.
        """
        recorded = self._manifest(checkpoint)
        if not recorded or checkpoint.revision not in (None, recorded.revision):
            return checkpoint
        known = {file.path: file for file in checkpoint.files if file.sha256}
        files = tuple(known.get(file.path, file) for file in recorded.files)
        licence = checkpoint.licence if checkpoint.revision else recorded.licence
        return replace(checkpoint, revision=recorded.revision, files=files, licence=licence)

    def files(self, checkpoint: Checkpoint, folder: Path) -> tuple[File, ...]:
        """What of a whole copy is loaded, with the sizes and digests that are known of it.

        Raises ModelError.
        """
        pinned = self.pinned(checkpoint)
        if folder.name == pinned.revision and pinned.files:
            # Others fetch no file that loading can do without.
            return tuple(file for file in pinned.files if (folder / file.path).is_file())
        there = (path for path in folder.rglob("*") if path.is_file())
        paths = [path.relative_to(folder).as_posix() for path in there]
        try:
            return tuple(File(path) for path in selection.needed(paths, checkpoint.family))
        except WrongCheckpoint as error:
            raise UnsuitableModel(f"{folder} {error}. Name another folder or hub id.") from error

    def _manifest(self, checkpoint: Checkpoint) -> Manifest | None:
        if not checkpoint.repository:
            return None
        try:
            return manifest.read(self.hub, checkpoint.repository)
        except DamagedFile as error:
            raise DamagedModel(f"{error}. {remedy.to_record_anew(checkpoint)}") from error

    def _absence(self, checkpoint: Checkpoint) -> str:
        if any(hub_cache.snapshots(self.hub, str(checkpoint.repository), None)):
            return f"The download of {checkpoint.name} was not finished."
        if checkpoint in catalog.KNOWN:
            what = f"{checkpoint.name} ({remedy.what_it_is(checkpoint)})"
            return f"{what} is not on this machine."
        caches = f"{self.hub} and {self.user_cache}"
        return f"{checkpoint.name} is not on this machine: no folder, and not in {caches}."

    def _in_folder(self, folder: Path, family: Family) -> Checkpoint:
        for checkpoint in catalog.DEMO:
            if checkpoint.folder and folder == self._own_folder(checkpoint.folder):
                return _of_family(checkpoint, family)
        return Checkpoint(folder.name, family, folder=folder)

    def _copies(self, checkpoint: Checkpoint, pinned: Checkpoint) -> Iterator[Path]:
        if checkpoint.folder:
            yield self._own_folder(checkpoint.folder)
        if not checkpoint.repository:
            return
        recorded = self._manifest(checkpoint)
        if recorded:
            ours = hub_cache.snapshot(self.hub, checkpoint.repository, recorded.revision)
            if ours.is_dir():
                yield ours
        for theirs in hub_cache.snapshots(self.user_cache, checkpoint.repository, pinned.revision):
            if checkpoint.revision or not recorded or theirs.name == recorded.revision:
                yield theirs

    def _own_folder(self, folder: Path) -> Path:
        return (self.folder / folder).resolve()


def check(checkpoint: Checkpoint, folder: Path) -> None:
    """Raises ModelError unless every file that loading will open is in ``folder`` and whole.

    Tensors are not read: a flipped bit among them goes unseen.
    """
    try:
        layout.check(folder, checkpoint.family)
        _check_sizes(checkpoint, folder)
    except MissingFile as error:
        fetchable = (checkpoint,) if checkpoint.repository else ()
        raise MissingModel(f"{error}.", remedy.to_complete(checkpoint), fetchable) from error
    except DamagedFile as error:
        raise DamagedModel(f"{error}. {remedy.to_replace(checkpoint)}") from error
    except WrongCheckpoint as error:
        raise UnsuitableModel(f"{error}. Name another folder or hub id.") from error
    except OSError as error:
        raise DamagedModel(f"{error.filename} cannot be read: {error.strerror}.") from error


def _check_all_there(pinned: Checkpoint, folder: Path) -> None:
    """Of our own download: also what loading could do without."""
    for file in pinned.files:
        if folder.name == pinned.revision and not (folder / file.path).is_file():
            missing = f"{MissingFile(folder / file.path)}."
            raise MissingModel(missing, remedy.to_complete(pinned), (pinned,))


def _check_sizes(checkpoint: Checkpoint, folder: Path) -> None:
    """Other revisions than the pinned one may rightly have other sizes."""
    if folder.name != checkpoint.revision:
        return
    for file in checkpoint.files:
        if (folder / file.path).is_file():
            check_size(folder / file.path, file.size_bytes)


def _on_the_hub(name: str, family: Family) -> Checkpoint:
    for checkpoint in catalog.FULL:
        if checkpoint.repository == name:
            return _of_family(checkpoint, family)
    if not HUB_ID.fullmatch(name):
        raise MissingModel(
            f"There is no folder {name!r}, and an id on the Hugging Face hub has the form"
            " organisation/model."
        )
    return Checkpoint(name, family, repository=name)


def _of_family(checkpoint: Checkpoint, family: Family) -> Checkpoint:
    if checkpoint.family is not family:
        raise UnsuitableModel(
            f"{checkpoint.name} is a checkpoint of the {checkpoint.family.value} family, not"
            f" {family.value}. Name another folder or hub id."
        )
    return checkpoint
