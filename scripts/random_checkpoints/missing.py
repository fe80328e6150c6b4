"""Random checkpoints that are not whole, written where they belong."""

import sys
from pathlib import Path

from models_cache.advice import CannotStart, CheckpointError
from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint
from scripts.random_checkpoints.__main__ import PARTS, TooLittleSpace, check_space
from scripts.random_checkpoints.sizes import SIZES

FAMILIES = {"captioner": Family.BLIP, "generator": Family.SDXL}
SEED = 0


def write_missing(size: str, root: Path) -> dict[str, Path]:
    """Writes each part that is not whole into ``root``; returns the folders.

    Raises CannotStart if there is too little room.
    """
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
            f"random weights, {size}: the {part} takes {gigabytes:.1f} GB, which {folder} has not"
            " free",
            "Make room there.",
        ) from error
    print(f"writing random weights, {size} {part}, {gigabytes:.1f} GB ...", file=sys.stderr)
    for _ in checkpoint.write(folder, SEED):
        pass


def _is_whole(part: str, folder: Path) -> bool:
    try:
        LocalCheckpoint.open(Checkpoint(part, FAMILIES[part], folder=folder), folder)
    except CheckpointError:
        return False
    return True
