"""A safetensors file, written as its library does, but without ever holding all tensors.

The format: https://github.com/huggingface/safetensors#format.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

LENGTH_BYTES = 8
METADATA = {"format": "pt"}
# The library writes the widest types first, and those of one type by name.
ITEM_BYTES = {"I64": 8, "F32": 4, "F16": 2}


@dataclass(frozen=True, slots=True)
class Tensor:
    """``dtype`` as the format spells it."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.size * ITEM_BYTES[self.dtype]


def header(tensors: Iterable[Tensor]) -> bytes:
    """The bytes before the first value, their own length included."""
    entries: dict[str, Any] = {"__metadata__": METADATA}
    position = 0
    for tensor in in_order(tensors):
        end = position + tensor.size_bytes
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": (position, end),
        }
        position = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def in_order(tensors: Iterable[Tensor]) -> list[Tensor]:
    return sorted(tensors, key=lambda tensor: (-ITEM_BYTES[tensor.dtype], tensor.name))


def size_bytes(tensors: Sequence[Tensor]) -> int:
    """The size of the whole file."""
    return len(header(tensors)) + sum(tensor.size_bytes for tensor in tensors)


def write(
    path: Path,
    tensors: Sequence[Tensor],
    values: Callable[[Tensor], Iterable[NDArray[Any]]],
) -> None:
    """``values`` gives a tensor's values in order, little-endian, in pieces of any length."""
    with path.open("wb") as file:
        file.write(header(tensors))
        for tensor in in_order(tensors):
            for piece in values(tensor):
                file.write(piece.data)
