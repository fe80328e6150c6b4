"""Whether the bytes of files are those that were published.

Sizes and headers say nothing of a flipped bit among the tensors; only a digest does.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from models_cache import hub_cache
from models_cache.catalog import File
from models_cache.checkpoint_file import DamagedFile, check_size

# Hashing and reading this much at once hold no GIL, so files are read side by side.
BUFFER_BYTES = 8 * 2**20
# A Hugging Face cache names a blob by its SHA-256, or by its git id where it is not in Git LFS.
BLOB_NAME = re.compile("[0-9a-f]{64}|[0-9a-f]{40}")
SHA256_DIGITS = 64


def damaged(folder: Path, files: Sequence[File], label: str) -> list[DamagedFile]:
    """Which of ``files`` have other bytes than were published or recorded.

    ``label`` stands before the progress bar. A file whose digest is nowhere recorded is taken for
    whole. Raises OSError.
    """
    paths = {file: folder / file.path for file in files}
    total = sum(path.stat().st_size for path in paths.values())
    with (
        tqdm(desc=label, total=total, unit="B", unit_scale=True, disable=None) as bar,
        ThreadPoolExecutor(thread_name_prefix="digest") as pool,
    ):

        def advance(count: int) -> None:
            with bar.get_lock():
                bar.update(count)

        # The largest first: it decides when all are done.
        largest_first = sorted(files, key=lambda file: -paths[file].stat().st_size)
        found = list(pool.map(lambda file: _damage(file, paths[file], advance), largest_first))
    return [damage for damage in found if damage]


def expected(file: File, path: Path) -> str | None:
    """The SHA-256, or for want of it what a Hugging Face cache names the blob of ``path`` by."""
    name = file.sha256 or hub_cache.blob(path).name
    return name if BLOB_NAME.fullmatch(name) else None


def sha256(path: Path) -> str:
    """Raises OSError."""
    return _digest(path, SHA256_DIGITS, lambda _: None)


def _damage(file: File, path: Path, advance: Callable[[int], None]) -> DamagedFile | None:
    try:
        check_size(path, file.size_bytes)
    except DamagedFile as error:
        return error
    wanted = expected(file, path)
    if wanted is None:
        advance(path.stat().st_size)
        return None
    if _digest(path, len(wanted), advance) == wanted:
        return None
    return DamagedFile(path, "is damaged: its bytes are not those that were published")


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
