"""Random weights as models to measure, where only speed, memory and loading matter."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from models_cache.catalog import Checkpoint, Family
from models_cache.choice import Choice, Located
from models_cache.start import CannotStart, choose_both
from models_cache.store import ModelError, check
from scripts.random_checkpoints.__main__ import PARTS, TooLittleSpace, check_space
from scripts.random_checkpoints.sizes import SIZES

FAMILIES = {"captioner": Family.BLIP, "generator": Family.SDXL}
SEED = 0


def choose_random(size: str, folders: dict[str, Path], device: str) -> tuple[Choice, torch.device]:
    """As ``choose_both``, of what ``write_missing`` wrote. Raises CannotStart."""
    named = str(folders["captioner"]), str(folders["generator"])
    choice, where = choose_both("auto", *named, device)
    captioner, generator = (
        _renamed(located, size) for located in (choice.captioner, choice.generator)
    )
    return Choice(captioner, generator, choice.reason), where


def write_missing(size: str, root: Path) -> dict[str, Path]:
    """The folder of each part in ``root``; what is not whole is written. Raises CannotStart."""
    folders = {part: root / part for part in PARTS}
    for part, folder in folders.items():
        if not _is_whole(part, folder):
            _write(part, size, folder)
    return folders


def _write(part: str, size: str, folder: Path) -> None:
    checkpoint = PARTS[part](SIZES[size])
    gigabytes = checkpoint.size_bytes / 1e9
    try:
        check_space(folder, checkpoint.size_bytes)
    except TooLittleSpace as error:
        raise CannotStart(
            f"--random {size}: the {part} takes {gigabytes:.1f} GB, which {folder} has not free."
        ) from error
    print(f"writing random weights, {size} {part}, {gigabytes:.1f} GB ...", file=sys.stderr)
    for _ in checkpoint.write(folder, SEED):
        pass


def _is_whole(part: str, folder: Path) -> bool:
    try:
        check(Checkpoint(part, FAMILIES[part], folder=folder), folder)
    except ModelError:
        return False
    return True


def _renamed(located: Located, size: str) -> Located:
    """A folder's name would tell nobody what was measured."""
    name = f"random weights, {size}"
    return replace(located, checkpoint=replace(located.checkpoint, name=name))
