"""Checks that a file of a checkpoint is there and whole: its form, its size, its digest.

Form and size take milliseconds, however large the file is; but a flipped bit among the tensors is
found by a digest alone.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from tqdm import tqdm

from models_cache import hub_cache
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import File

LENGTH_BYTES = 8  # before a safetensors header: https://github.com/huggingface/safetensors#format
MAX_HEADER_BYTES = 100_000_000
WEB_PAGES = (b"<!doctype", b"<html")
LFS_POINTER = b"version https://git-lfs"

# Hashing and reading this much at once hold no GIL, so files are read side by side.
BUFFER_BYTES = 8 * 2**20
# A Hugging Face cache names a blob by its SHA-256, or by its git id if it is not in Git LFS.
BLOB_NAME = re.compile("[0-9a-f]{64}|[0-9a-f]{40}")
SHA256_DIGITS = 64


def damage(path: Path, what: str) -> CheckpointError:
    """``what`` ends the sentence that begins with ``path``."""
    return CheckpointError(f"{path} {what}", Fault.DAMAGED)


def check(path: Path) -> None:
    """Raises CheckpointError unless the file has the form that its name promises, and OSError."""
    if path.suffix == ".json":
        read_json(path)
    elif path.suffix == ".safetensors":
        shapes(path)
    else:
        read_text(path)


def check_size(path: Path, size_bytes: int | None) -> None:
    """Checks nothing if ``size_bytes`` is None. Raises CheckpointError and OSError."""
    size = path.stat().st_size
    if size_bytes not in (None, size):
        raise damage(path, f"has {size:,} bytes instead of {size_bytes:,}")


def read_json(path: Path) -> dict[str, Any]:
    """Raises CheckpointError, as ``read_text`` does."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damage(path, "is not valid JSON") from error
    if not isinstance(content, dict):
        raise damage(path, "is not a JSON object")
    return content


def read_text(path: Path) -> str:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing", Fault.MISSING)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise damage(path, "is not a text file") from error
    if not text.strip():
        raise damage(path, "is empty")
    return text


def shards_in(index: Path) -> list[str]:
    """The names that an index of weights lists. Raises CheckpointError."""
    weight_map = read_json(index).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise damage(index, "does not list the files of the weights")
    return sorted(set(names))


def shapes(path: Path) -> dict[str, list[int]]:
    """The shapes of a safetensors file's tensors, by name, from its header alone.

    Raises CheckpointError unless the file is as long as its header says, and OSError.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing", Fault.MISSING)
    path.open("rb").close()  # whose error has a name and a reason: the library's has neither
    try:
        with safe_open(path, "np") as file:
            found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise damage(path, _what_is_wrong(path)) from error
    if not found:
        raise damage(path, "holds no weights")
    return found


def _what_is_wrong(path: Path) -> str:
    """Words for a file that the library refused, as the end of a sentence."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(64)
        if not start:
            return "is empty"
        if start.startswith(LFS_POINTER):
            return "is a Git LFS pointer, not the weights themselves"
        if start.lstrip().lower().startswith(WEB_PAGES):
            return "is a web page, not weights"
        header_bytes = int.from_bytes(start[:LENGTH_BYTES], "little")
        if start[LENGTH_BYTES:][:1] != b"{" or header_bytes > MAX_HEADER_BYTES:
            return "is not a safetensors file"
        file.seek(LENGTH_BYTES)
        wanted = LENGTH_BYTES + header_bytes
        if size >= wanted:
            tensor_bytes = _tensor_bytes(file.read(header_bytes))
            wanted = wanted + tensor_bytes if tensor_bytes else size
    if size < wanted:
        return f"is cut short: {size:,} of {wanted:,} bytes are there"
    return f"is {size - wanted:,} bytes too long" if size > wanted else "has a damaged header"


def _tensor_bytes(header: bytes) -> int | None:
    """The end of the last tensor; None if the header does not say, or has gaps or overlaps."""
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        position = 0
        for begin, end in sorted(tensor["data_offsets"] for tensor in tensors.values()):
            if begin != position or type(end) is not int or end < begin:
                return None
            position = end
        return position
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def damaged(folder: Path, files: Sequence[File], label: str) -> list[tuple[File, CheckpointError]]:
    """The files that have other bytes than were published or recorded, and what is wrong.

    ``label`` stands before the progress bar. A file without a recorded digest is taken for whole.
    Raises OSError.
    """
    sizes = {file: (folder / file.path).stat().st_size for file in files}
    with (
        tqdm(desc=label, total=sum(sizes.values()), unit="B", unit_scale=True, disable=None) as bar,
        ThreadPoolExecutor(thread_name_prefix="digest") as pool,
    ):

        def advance(count: int) -> None:
            with bar.get_lock():
                bar.update(count)

        # The largest first: it decides when all are done.
        largest_first = sorted(files, key=lambda file: -sizes[file])
        found = pool.map(lambda file: _damage(file, folder / file.path, advance), largest_first)
        return [(file, each) for file, each in zip(largest_first, found, strict=True) if each]


def expected(file: File, path: Path) -> str | None:
    """The SHA-256, or the digest that a Hugging Face cache names the blob by, or None."""
    name = file.sha256 or hub_cache.blob(path).name
    return name if BLOB_NAME.fullmatch(name) else None


def sha256(path: Path) -> str:
    """Raises OSError."""
    return _digest(path, SHA256_DIGITS, lambda _: None)


def _damage(file: File, path: Path, advance: Callable[[int], None]) -> CheckpointError | None:
    try:
        check_size(path, file.size_bytes)
    except CheckpointError as error:
        return error
    wanted = expected(file, path)
    if wanted is None:
        advance(path.stat().st_size)
        return None
    if _digest(path, len(wanted), advance) == wanted:
        return None
    return damage(path, "is damaged: its bytes are not those that were published")


def _digest(path: Path, digits: int, advance: Callable[[int], None]) -> str:
    """SHA-256, or for 40 ``digits`` the id that git gives to such a file."""
    size = path.stat().st_size
    if digits == SHA256_DIGITS:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    buffer = memoryview(bytearray(min(size, BUFFER_BYTES) or 1))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            advance(count)
    return digest.hexdigest()
