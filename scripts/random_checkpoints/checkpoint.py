"""One of the two checkpoints, described before it is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.random_checkpoints import safetensors_file, small_files, state_dicts, weights
from scripts.random_checkpoints.safetensors_file import Tensor
from scripts.random_checkpoints.sizes import Size


@dataclass(frozen=True, slots=True)
class RandomCheckpoint:
    """Paths are relative to its folder."""

    small_files: Mapping[str, bytes]
    weights: Mapping[str, Sequence[Tensor]]

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(map(len, self.small_files.values())) + sum(
            map(safetensors_file.size_bytes, self.weights.values())
        )

    def write(self, folder: Path, seed: int) -> Iterator[Path]:
        """Yields each file as soon as it is written, over any file that was there."""
        for name, content in self.small_files.items():
            path = _with_parents(folder / name)
            path.write_bytes(content)
            yield path
        for name, tensors in self.weights.items():
            path = _with_parents(folder / name)
            values = partial(weights.values, seed=seed, file=name)
            safetensors_file.write(path, tensors, values)
            yield path


def captioner(size: Size) -> RandomCheckpoint:
    files = small_files.captioner(size)
    return RandomCheckpoint(files, state_dicts.captioner(files))


def generator(size: Size) -> RandomCheckpoint:
    files = small_files.generator(size)
    return RandomCheckpoint(files, state_dicts.generator(files))


def _with_parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
