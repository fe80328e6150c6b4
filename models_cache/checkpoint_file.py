"""One file of a checkpoint, which has to be there and whole."""

import json
from pathlib import Path
from typing import Any

from models_cache import safetensors_header
from models_cache.safetensors_header import InvalidHeader


class MissingFile(Exception):
    """A sentence without its full stop."""

    def __init__(self, path: Path, why: str = "is missing") -> None:
        super().__init__(f"{path} {why}")


class DamagedFile(Exception):
    """A sentence without its full stop; ``path`` is there, and is not what it should be."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path


def read_json(path: Path) -> dict[str, Any]:
    """Raises MissingFile or DamagedFile, as all of this module does."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, "is not valid JSON") from error
    if not isinstance(content, dict):
        raise DamagedFile(path, "is not a JSON object")
    return content


def read_json_if_there(path: Path) -> None:
    if path.is_file():
        read_json(path)


def read_text(path: Path) -> str:
    if not path.is_file():
        raise MissingFile(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFile(path, "is not a text file") from error
    if not text.strip():
        raise DamagedFile(path, "is empty")
    return text


def check_safetensors(path: Path) -> None:
    if not path.is_file():
        raise MissingFile(path)
    try:
        safetensors_header.check(path)
    except InvalidHeader as error:
        raise DamagedFile(path, str(error)) from error


def check_size(path: Path, size_bytes: int | None) -> None:
    """Nothing is checked where ``size_bytes`` is None. The file has to be there."""
    size = path.stat().st_size
    if size_bytes not in (None, size):
        raise DamagedFile(path, f"has {size:,} bytes instead of {size_bytes:,}")
