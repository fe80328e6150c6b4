"""The header of a safetensors file, which says where the file has to end.

The format: https://github.com/huggingface/safetensors#format. Read in milliseconds whatever the
size, it finds files that are cut short, empty or something else. A flipped bit among the tensors
it does not find; only a digest does.
"""

import json
import math
import os
from pathlib import Path

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # the format's own limit

WEB_PAGES = (b"<!doctype", b"<html")
LFS_POINTER = b"version https://git-lfs"


class InvalidHeader(ValueError):
    """What the file is, as the end of a sentence that begins with its name."""


def check(path: Path) -> None:
    """Raises InvalidHeader unless the file is as long as its header says, and OSError."""
    header, size = _read(path)
    _check_size(size, LENGTH_BYTES + len(header) + _tensor_bytes(header), exactly=True)


def shapes(path: Path) -> dict[str, list[int]]:
    """Of the file's tensors, by name. For a file that ``check`` has passed."""
    header, _ = _read(path)
    tensors = json.loads(header)
    tensors.pop("__metadata__", None)
    return {name: tensor["shape"] for name, tensor in tensors.items()}


def parameters(path: Path) -> int:
    """How many numbers the file's tensors hold. For a file that ``check`` has passed."""
    return sum(map(math.prod, shapes(path).values()))


def _read(path: Path) -> tuple[bytes, int]:
    """The header, and the size of the whole file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(64)
        header_bytes = int.from_bytes(start[:LENGTH_BYTES], "little")
        if start[LENGTH_BYTES:][:1] != b"{" or header_bytes > MAX_HEADER_BYTES:
            raise InvalidHeader(_what_else(start))
        _check_size(size, LENGTH_BYTES + header_bytes)
        file.seek(LENGTH_BYTES)
        return file.read(header_bytes), size


def _what_else(start: bytes) -> str:
    if not start:
        return "is empty"
    if start.startswith(LFS_POINTER):
        return "is a Git LFS pointer, not the weights themselves"
    if start.lstrip().lower().startswith(WEB_PAGES):
        return "is a web page, not weights"
    return "is not a safetensors file"


def _tensor_bytes(header: bytes) -> int:
    """Where the last tensor ends. Tensors follow one another without a gap."""
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        position = 0
        for begin, end in sorted(tensor["data_offsets"] for tensor in tensors.values()):
            if begin != position or type(end) is not int or end < begin:
                raise ValueError("a gap or an overlap")
            position = end
    # Whatever JSON there is where a header should be; nesting too deep is a RecursionError.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidHeader("has a damaged header") from error
    if not position:
        raise InvalidHeader("holds no weights")
    return position


def _check_size(size: int, needed: int, exactly: bool = False) -> None:
    if size < needed:
        raise InvalidHeader(f"is cut short: {size:,} of {needed:,} bytes are there")
    if exactly and size > needed:
        raise InvalidHeader(f"is {size - needed:,} bytes too long")
