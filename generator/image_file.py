"""The file of ``-o``: tried before the image is painted, written whole or not at all."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from generator.image_bytes import encoded

if TYPE_CHECKING:
    from generator.job import Succeeded
    from generator.model_info import ModelInfo
    from generator.request import GenerationRequest

STANDARD_OUTPUT = Path("-")
FORMATS = {"": "png", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class CannotWrite(Exception):
    """One sentence."""


class ImageFile:
    """``path`` may be "-", which is standard output and a PNG. Raises CannotWrite.

    If it is closed without ``write``, it leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_standard_output = path == STANDARD_OUTPUT
        self.format = "png" if self.is_standard_output else _format(path)
        self._beside = None if self.is_standard_output else _beside(path)

    def write(self, outcome: "Succeeded", request: "GenerationRequest", info: "ModelInfo") -> None:
        """Raises OSError."""
        data = encoded(outcome, request, info, self.format)
        if self._beside is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        self._beside.write_bytes(data)
        self._beside.replace(self.path)

    def close(self) -> None:
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)


def _format(path: Path) -> str:
    if path.suffix.lower() not in FORMATS:
        raise CannotWrite(f"{path} has to end in .png, .jpg or .webp.")
    return FORMATS[path.suffix.lower()]


def _beside(path: Path) -> Path:
    """An empty file in the same folder, which becomes ``path`` at once when it is whole."""
    try:
        _check(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".lookalike-")
        os.close(descriptor)
        os.chmod(name, 0o666 & ~_umask())  # as any new file, and not for its owner alone
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error
    return Path(name)


def _check(path: Path) -> None:
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder: name a file in it.")
    if path.exists() and not os.access(path, os.W_OK):
        raise CannotWrite(f"{path} may not be written.")
    if not path.parent.is_dir():
        raise CannotWrite(f"there is no folder {path.parent}.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
