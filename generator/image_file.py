"""The file of ``-o``: tried before the image is painted, written whole or not at all."""

import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from generator.png import format_parameters, png_bytes

if TYPE_CHECKING:
    from generator.request import GenerationRequest

STANDARD_OUTPUT = Path("-")
FORMATS = {"": "PNG", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 95


class CannotWrite(Exception):
    """One sentence."""


class ImageFile:
    """``path`` may be "-", which is standard output and a PNG. Raises CannotWrite.

    If it is closed without ``write``, it leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_standard_output = path == STANDARD_OUTPUT
        self.format = "PNG" if self.is_standard_output else _format(path)
        self._beside = None if self.is_standard_output else _beside(path)

    def write(
        self, image: Image.Image, request: "GenerationRequest", *, model: str, sampler: str
    ) -> None:
        """Raises OSError."""
        data = image_bytes(image, self.format, request, model=model, sampler=sampler)
        if self._beside is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        self._beside.write_bytes(data)
        self._beside.replace(self.path)

    def close(self) -> None:
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)


def image_bytes(
    image: Image.Image, kind: str, request: "GenerationRequest", *, model: str, sampler: str
) -> bytes:
    """A PNG, JPEG or WebP with the parameters where image tools look for them."""
    if kind == "PNG":
        return png_bytes(image, request, model=model, sampler=sampler)
    text = format_parameters(request, model=model, sampler=sampler)
    exif = Image.Exif()
    comment = b"UNICODE\0" + text.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    file = BytesIO()
    image.save(file, kind, quality=QUALITY, exif=exif)
    return file.getvalue()


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
