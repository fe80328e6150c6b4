"""Checkpoints of the published size whose weights have names and shapes alone.

Their files are as long as the published ones, and take no place on a disk: all but their headers is
a hole. They are for a card without values.
"""

from pathlib import Path

from scripts.random_checkpoints import checkpoint, safetensors_file
from scripts.random_checkpoints.checkpoint import RandomCheckpoint
from scripts.random_checkpoints.sizes import FULL


def write(folder: Path) -> Path:
    """Writes ``captioner`` and ``generator`` into the folder."""
    _write(checkpoint.captioner(FULL), folder / "captioner")
    _write(checkpoint.generator(FULL), folder / "generator")
    return folder


def _write(one: RandomCheckpoint, folder: Path) -> None:
    for name, content in one.small_files.items():
        _with_parents(folder / name).write_bytes(content)
    for name, tensors in one.weights.items():
        with _with_parents(folder / name).open("wb") as file:
            file.write(safetensors_file.header(tensors))
            file.truncate(safetensors_file.size_bytes(tensors))


def _with_parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
