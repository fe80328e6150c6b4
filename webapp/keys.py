"""The keys that open the server: a file with a line ``name key`` for each person or program."""

import hmac
import logging
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models_cache.advice import CannotStart

log = logging.getLogger(__name__)

LINE = "use lines of a name, a space and a key of 16 to 200 letters, digits and signs"
NAME = re.compile("[A-Za-z0-9_-]{1,40}")
KEY = re.compile("[!-~]{16,200}")
FIRST_NAME = "owner"
KEY_BYTES = 24  # random ones: 32 characters


@dataclass
class Keys:
    """The file's keys as they were when it was last read. For any thread."""

    file: Path
    by_name: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, file: Path, *, make: bool = False) -> "Keys":
        """Reads the file; with ``make``, makes it with one strong key if it is not there.

        Raises CannotStart.
        """
        try:
            if make:
                _make(file)
            return cls(file, _parse(file))
        except OSError as error:
            raise CannotStart(
                f"the key file {file} cannot be read: {error.strerror}",
                "Name another with --key-file.",
            ) from error

    def reread(self) -> None:
        """Takes what the file says now. If it is wrong, logs that and keeps the old keys."""
        try:
            self.by_name = _parse(self.file)
        except (CannotStart, OSError) as error:
            log.error("The keys stay as they were: %s", error)

    def name_of(self, key: str) -> str | None:
        """Whose key this is. All are compared, and in constant time: no answer comes sooner."""
        given = key.encode(errors="backslashreplace")
        names = [n for n, k in self.by_name.items() if hmac.compare_digest(k.encode(), given)]
        return names[0] if names else None

    def are_readable_by_others(self) -> bool:
        return bool(self.file.stat().st_mode & 0o077)


def _make(file: Path) -> None:
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with open(made, "w", encoding="ascii") as new:
        new.write(f"{FIRST_NAME} {secrets.token_urlsafe(KEY_BYTES)}\n")
    print(f"Made {file}, with one key.", file=sys.stderr)


def _parse(file: Path) -> dict[str, str]:
    """Empty lines and those that begin with # say nothing. Raises CannotStart and OSError."""
    by_name: dict[str, str] = {}
    text = file.read_text("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, key = _parse_line(line, f"line {number} of the key file {file}")
        if name in by_name or key in by_name.values():
            problem = f"line {number} of the key file {file} repeats a name or a key"
            raise CannotStart(problem, "Give each its own.")
        by_name[name] = key
    if not by_name:
        raise CannotStart(f"the key file {file} has no key", f"In it, {LINE}.")
    return by_name


def _parse_line(line: str, where: str) -> tuple[str, str]:
    match line.split():
        case [name, key] if NAME.fullmatch(name) and KEY.fullmatch(key):
            return name, key
    # Not what the line says: it may be a key.
    raise CannotStart(f"{where} cannot be read", f"In it, {LINE}.")
