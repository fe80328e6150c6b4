"""Where checkpoints lie on this machine. Nothing here touches the network."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models_cache import catalog, hub_cache, layout, remedy
from models_cache.catalog import Checkpoint, Family
from models_cache.checkpoint_file import DamagedFile, MissingFile
from models_cache.layout import WrongCheckpoint

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


class ModelError(Exception):
    """What is wrong, naming the file or checkpoint, and how to mend it: ready to print."""


class MissingModel(ModelError):
    """Not on this machine, or not all of it."""


class DamagedModel(ModelError):
    """A file is there, and is not what it should be."""


class UnsuitableModel(ModelError):
    """Another family than was asked for, or nothing that can be loaded here."""


@dataclass(frozen=True)
class Store:
    """``folder`` is models_cache: demo/ is in git, hub/ is a Hugging Face cache of our own."""

    folder: Path = Path(__file__).parent
    user_cache: Path = field(default_factory=hub_cache.user_cache)

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

        In each the pinned revision comes first, then main, then any other: nobody wants 7 GB twice.
        Raises ModelError, for a damaged copy rather than for an incomplete one.
        """
        errors: list[ModelError] = []
        for folder in self._copies(checkpoint):
            try:
                check(checkpoint, folder)
            except ModelError as error:
                errors.append(error)
            else:
                return folder
        if errors:
            raise min(errors, key=lambda error: isinstance(error, MissingModel))
        raise MissingModel(f"{self._absence(checkpoint)} {remedy.to_fetch(checkpoint)}")

    def _absence(self, checkpoint: Checkpoint) -> str:
        if checkpoint in catalog.KNOWN:
            return f"{checkpoint.name} is not on this machine."
        caches = f"{self.folder / 'hub'} and {self.user_cache}"
        return f"{checkpoint.name} is not on this machine: no folder, and not in {caches}."

    def _in_folder(self, folder: Path, family: Family) -> Checkpoint:
        for checkpoint in catalog.DEMO:
            if [folder] == list(self._copies(checkpoint)):
                return _of_family(checkpoint, family)
        return Checkpoint(folder.name, family, folder=folder)

    def _copies(self, checkpoint: Checkpoint) -> Iterator[Path]:
        if checkpoint.folder:
            yield (self.folder / checkpoint.folder).resolve()
        if checkpoint.repository:
            for cache in (self.folder / "hub", self.user_cache):
                yield from hub_cache.snapshots(cache, checkpoint.repository, checkpoint.revision)


def check(checkpoint: Checkpoint, folder: Path) -> None:
    """Raises ModelError unless every file that loading will open is in ``folder`` and whole.

    Tensors are not read: a flipped bit among them goes unseen.
    """
    try:
        layout.check(folder, checkpoint.family)
        _check_sizes(checkpoint, folder)
    except MissingFile as error:
        raise MissingModel(f"{error}. {remedy.to_complete(checkpoint, folder)}") from error
    except DamagedFile as error:
        mend = remedy.to_replace(checkpoint, folder, error.path)
        raise DamagedModel(f"{error}. {mend}") from error
    except WrongCheckpoint as error:
        raise UnsuitableModel(f"{error}. Name another folder or hub id.") from error
    except OSError as error:
        raise DamagedModel(f"{error.filename} cannot be read: {error.strerror}.") from error


def _check_sizes(checkpoint: Checkpoint, folder: Path) -> None:
    """Other revisions than the pinned one may rightly have other sizes."""
    if folder.name != checkpoint.revision:
        return
    for file in checkpoint.files:
        path = folder / file.path
        if file.size_bytes and path.is_file() and path.stat().st_size != file.size_bytes:
            size = path.stat().st_size
            raise DamagedFile(path, f"has {size:,} bytes instead of {file.size_bytes:,}")


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
