"""Sizes of files as people read them."""

from collections.abc import Iterable
from pathlib import Path


def in_words(size_bytes: int) -> str:
    """In decimal units, as disks are sold: 6_941_187_536 is "6.9 GB"."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"


def of(files: Iterable[Path]) -> int:
    """In bytes, of all together. Raises OSError."""
    return sum(file.stat().st_size for file in files)
