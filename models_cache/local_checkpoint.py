"""A checkpoint on this disk, whose files were found whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_cache import whole
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import Checkpoint, Family, File
from models_cache.needed_files import (
    FIRST_FILES,
    SDXL_TOKENIZERS,
    SDXL_WEIGHTS,
    Variant,
    needed_files,
)

# What the first file may call the checkpoint: its class, or its model_type if it names no class.
CLASS_NAMES = {
    Family.BLIP: ("BlipForConditionalGeneration", "blip"),
    Family.SDXL: ("StableDiffusionXLPipeline",),
}
SDXL_CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
SDXL_COMPONENTS = ("scheduler", *SDXL_TOKENIZERS, *SDXL_WEIGHTS)
READABLE = "Let the user who runs this read it."
LIBRARIES = ("diffusers", "transformers")


@dataclass(frozen=True, slots=True)
class LocalCheckpoint:
    """``known`` is what the catalog, the user or a download's record says of it.

    ``paths`` are the files that loading opens, relative to ``folder``; ``weights`` are those of
    them that hold weights, and ``variants`` fp16, bf16 or None, by component. A captioner is one
    component, "captioner".

    When one exists, every file that loading opens is in ``folder`` and has the form and size that
    it should have. Digests are not looked at (``scripts/download_models --verify`` does that), nor
    whether tensors fit the configs (models_cache.runtime.tensors does).
    """

    known: Checkpoint
    folder: Path
    paths: tuple[str, ...]
    weights: Mapping[str, list[Path]]
    variants: Mapping[str, Variant]

    @classmethod
    def open(cls, known: Checkpoint, folder: Path) -> "LocalCheckpoint":
        """Reads the small files and the headers of the large ones: milliseconds, even for SDXL.

        Raises CheckpointError, with advice, for the first thing that is wrong.
        """
        try:
            check_family(folder, known.family)
            there = (path for path in (*folder.glob("*"), *folder.glob("*/*")) if path.is_file())
            needed = needed_files(
                [path.relative_to(folder).as_posix() for path in there],
                known.family,
                lambda index: whole.shards_in(folder / index),
            )
            if needed.missing:
                _check_readable(folder)
                raise CheckpointError(f"{folder}/{needed.missing[0]}", Fault.MISSING)
            for path in needed.paths:
                whole.check(folder / path)
            if folder.name == known.revision:  # others may rightly have other sizes
                for file in known.files:
                    if (folder / file.path).is_file():
                        whole.check_size(folder / file.path, file.size_bytes)
        except CheckpointError as error:
            raise error.advised(known) from error
        except OSError as error:
            problem = f"{error.filename} cannot be read: {error.strerror}"
            advice = READABLE if isinstance(error, PermissionError) else ""
            raise CheckpointError(problem, Fault.DAMAGED, advice).advised(known) from error
        weights = {
            component: [folder / path for path in paths]
            for component, paths in needed.weights.items()
        }
        return cls(known, folder, needed.paths, weights, needed.variants)

    @property
    def files(self) -> tuple[File, ...]:
        """The files, with the sizes and digests that are known of them."""
        if self.folder.name == self.known.revision and self.known.files:
            # Other programs fetch no file that loading can do without.
            return tuple(file for file in self.known.files if (self.folder / file.path).is_file())
        return tuple(File(path) for path in self.paths)

    @property
    def size_bytes(self) -> int:
        """Raises OSError if a file has gone since."""
        return sum((self.folder / file.path).stat().st_size for file in self.files)

    def config(self, component: str = "") -> dict[str, Any]:
        """The config.json of a component. Raises CheckpointError if it has gone since."""
        return whole.read_json(self.folder / component / "config.json")

    def unsuitable(self, reason: str, advice: str = "") -> CheckpointError:
        """The error that says why this checkpoint, whole as it is, cannot be served."""
        problem = f"{self.folder} cannot be served: {reason}"
        return CheckpointError(problem, Fault.UNSUITABLE, advice).advised(self.known)


def _check_readable(folder: Path) -> None:
    """Raises OSError if this user may not look into a folder, in which all seems to be missing."""
    for each in (folder, *folder.glob("*")):
        if each.is_dir():
            os.listdir(each)


def check_family(folder: Path, family: Family, name: str | None = None) -> None:
    """Reads the first file alone, which is all that has to be there. Raises CheckpointError.

    ``name`` is what to call the checkpoint if people know it by another name than its folder.
    """
    model_index, config = folder / FIRST_FILES[Family.SDXL], folder / FIRST_FILES[Family.BLIP]
    if model_index.is_file():
        content = whole.read_json(model_index)
        found = content.get("_class_name")
    elif config.is_file():
        content = whole.read_json(config)
        found = content.get("model_type")
        match content.get("architectures"):
            case [architecture, *_]:
                found = architecture
    else:
        return  # ``needed_files`` says what is missing
    if found not in CLASS_NAMES[family]:
        found_words = f"the {found}" if found else "an unknown"
        raise CheckpointError(
            f"{name or folder} is a checkpoint of {found_words} family,"
            f" not {family.value} ({CLASS_NAMES[family][0]})",
            Fault.UNSUITABLE,
        )
    for component in SDXL_COMPONENTS if family is Family.SDXL else ():
        if why := _why_not(component, content.get(component)):
            raise CheckpointError(f"{model_index} {why}", Fault.UNSUITABLE)


def _why_not(component: str, entry: object) -> str | None:
    """Why a component of model_index.json cannot be served, as the end of a sentence."""
    match entry:
        case [None, None] | None:
            return (
                f"has no {component}: an SDXL refiner, or a part of a model, cannot paint from"
                " words alone"
            )
        case [library, str(name)] if library in LIBRARIES:
            served = SDXL_CLASSES.get(component, name)
            return (
                None
                if name == served
                else f"names {name} as its {component}, and only {served} is served"
            )
    return (
        f"does not say that {component} is a class of diffusers or transformers, and code that"
        " comes with a checkpoint is not run"
    )
