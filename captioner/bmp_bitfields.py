"""BMP files whose colours lie in any bits that the file names, as the format allows."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile

BITFIELDS, ALPHA_BITFIELDS = 3, 6
# Pixels that are unpacked together, so that the arrays in between stay small.
BAND = 2**18


def open_bmp(data: bytes) -> ImageFile:
    """Opens a BMP by Pillow, except for masks that Pillow does not know."""
    try:
        return BmpImageFile(BytesIO(data))
    except OSError:
        if not _has_masks(data):
            raise
    return BitfieldsImageFile(BytesIO(data))


def _has_masks(data: bytes) -> bool:
    if len(data) < 14 + 40 + 12:
        return False
    bits, compression = struct.unpack_from("<HI", data, 28)
    return bits in (16, 32) and compression in (BITFIELDS, ALPHA_BITFIELDS)


class BitfieldsImageFile(ImageFile):
    format = "BMP"
    format_description = "Windows Bitmap with bitfields"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = data = self.fp.read()
        self._at, header, width, height = struct.unpack_from("<IIii", data, 10)
        self._bits, compression = struct.unpack_from("<HI", data, 28)
        # Headers of 40 bytes are followed by the masks, longer ones contain them.
        masks = struct.unpack_from("<4I", data, 54)
        has_alpha = masks[3] and (header >= 56 or compression == ALPHA_BITFIELDS)
        self._masks = masks if has_alpha else masks[:3]
        self._is_upside_down = height > 0
        self._size = (width, abs(height))
        self._mode = "RGBA" if has_alpha else "RGB"

    def load(self) -> Any:
        if self._im is None:
            self.im = self._unpacked().im
        return super().load()

    def _unpacked(self) -> Image.Image:
        width, height = self._size
        row_pixels = (width * self._bits + 31) // 32 * 32 // self._bits
        kind = f"<u{self._bits // 8}"
        pixels = np.frombuffer(self._data, kind, row_pixels * height, self._at)
        rows = pixels.reshape(height, row_pixels)[:: -1 if self._is_upside_down else 1, :width]
        image = Image.new(self.mode, self.size)
        step = max(1, BAND // width)
        for top in range(0, height, step):
            image.paste(_colors(rows[top : top + step], self._masks), (0, top))
        return image


def _colors(pixels: "np.ndarray[Any, Any]", masks: tuple[int, ...]) -> Image.Image:
    bands = [Image.fromarray(_channel(pixels, mask)) for mask in masks]
    return Image.merge("RGBA" if len(bands) == 4 else "RGB", bands)


def _channel(pixels: "np.ndarray[Any, Any]", mask: int) -> "np.ndarray[Any, Any]":
    """The values of these bits as 0 to 255."""
    largest = mask // (mask & -mask) if mask else 1
    values = (pixels & mask) // (mask & -mask or 1)
    return (values * (255.0 / largest) + 0.5).astype(np.uint8)
