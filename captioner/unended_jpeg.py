"""JPEG files without their end marker, whose pixels are all there: browsers show them."""

import hashlib
import struct
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

END = b"\xff\xd9"
# Possible endings of a file. libjpeg fills up missing data with zeros; here are other bits, more
# codes, and restart markers for files that have them.
CODES = bytes(range(0xA5, 0xFF))
MORE = b"".join(CODES + bytes([0xFF, 0xD0 + number]) for number in range(8)) * 2
ENDINGS = [END, MORE + END, CODES[::-1] + MORE + END]
ROWS = 256


def open_jpeg(data: bytes) -> ImageFile:
    return UnendedJpegFile(BytesIO(data))


class UnendedJpegFile(JpegImageFile):
    """Reads a whole file as Pillow does, and a cut file only if none of its pixels was cut.

    Pillow sees no difference between lost pixels and a lost end, so a cut file is read with
    different endings: if no pixel depends on the ending, nothing that matters is missing. Cut files
    in several scans, as progressive ones, are refused: they would pass without their last scans.
    """

    def _open(self) -> None:
        super()._open()
        assert self.fp is not None
        self._at_codes = self.fp.tell()  # Pillow stops behind the header of the first scan

    def load(self) -> Any:
        try:
            return super().load()
        except OSError:
            pixels = self._pixels_without_an_end()
            if pixels is None:
                raise
        self.im, self.tile = pixels.im, []
        return super().load()

    def _pixels_without_an_end(self) -> Image.Image | None:
        assert self.fp is not None
        self.fp.seek(0)
        data = self.fp.read().rstrip(b"\xff")
        of_all_channels = struct.pack(">HB", 6 + 2 * self.layers, self.layers)
        has_all = data.startswith(of_all_channels, self._at_codes - 6 - 2 * self.layers)
        if self.info.get("progressive") or not has_all:
            return None
        seen = set()
        for ending in ENDINGS:
            image = JpegImageFile(BytesIO(data + ending))
            seen.add(_digest(image))
        return image if len(seen) == 1 else None


def _digest(image: Image.Image) -> bytes:
    """The digest of all pixels, some rows at a time: there may be fifty million."""
    digest = hashlib.blake2b()
    for top in range(0, image.height, ROWS):
        digest.update(image.crop((0, top, image.width, min(top + ROWS, image.height))).tobytes())
    return digest.digest()
