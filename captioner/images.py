"""Turns an uploaded file into a plain RGB image, and that into a JPEG."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import (
    PHOTOMETRIC_INTERPRETATION,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from captioner.colors import to_srgb
from captioner.formats import find_format

MAX_PIXELS = 50_000_000
# Rows cost too: 1 x 50,000,000 pixels took 1.1 GB and 5 s, a square of as many 0.24 GB and 0.5 s.
MAX_SIDE = 65_535

# With 25 million pixels JPEG, PNG and TIFF took 3 to 17 bytes each, AVIF 17, WebP 18 to 24.
DECODING_BYTES_PER_PIXEL = 26

# TileWidth or TileLength as one SLONG8 or IFD8: libtiff obeys these types, Pillow skips them.
HIDDEN_TILE = rb"[BC]\x01[\x11\x12]\0\x01\0\0\0|\x01[BC]\0[\x11\x12](\0{4})?\0\0\0\x01"

FULL_COLORS = ("L", "RGB", "CMYK")

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class InvalidImage(ValueError):
    """Tells the uploader, in one sentence, what is wrong with the file and how to mend it."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture of which only the header was read, within the limits on sizes."""

    format_name: str
    file: ImageFile
    pixels: int

    @property
    def decoding_bytes(self) -> int:
        """The most that ``read`` takes, beside the file itself."""
        return DECODING_BYTES_PER_PIXEL * self.pixels

    def read(self, longest_side: int = MAX_SIDE) -> Image.Image:
        """A new, upright RGB image in sRGB, without metadata. Works only once.

        Transparency is laid on white, gray of more than 8 bits is scaled, and an animation gives
        its first frame. Raises InvalidImage, and MemoryError if there is not enough memory.
        """
        with _told(self.format_name, self.decoding_bytes):
            self.file.load()
            return _plain(self.file, longest_side)


def open_image(data: bytes) -> EncodedImage:
    """Opens any JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF; HEIC if its extra is installed.

    Decodes no pixel yet. Raises InvalidImage.
    """
    if not data:
        raise InvalidImage("The file is empty: choose an image and try again.")
    found = find_format(data)
    if found.open is None:
        raise InvalidImage(f"The file is {found.name}: {found.advice}.")
    with _told(found.name):
        file = found.open(data)
        return EncodedImage(found.name, file, _checked_pixels(file, data))


def read_image(data: bytes) -> Image.Image:
    """``open_image`` and ``EncodedImage.read`` in one."""
    return open_image(data).read()


def jpeg_bytes(image: Image.Image, quality: int = 90) -> bytes:
    """The image as a JPEG file, without metadata."""
    bare = image.copy()
    bare.info = {}  # Pillow would write a comment that it found there
    file = BytesIO()
    bare.save(file, "JPEG", quality=quality)
    return file.getvalue()


@contextmanager
def _told(format_name: str, needed_bytes: int = 0) -> Iterator[None]:
    """Turns any error of a file of this format into InvalidImage, in words for the uploader.

    Raises MemoryError instead if ``needed_bytes`` are not free: some decoders report a lack of
    memory as damage.
    """
    try:
        yield
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidImage(
            f"The image is too large: save a copy of at most {MAX_PIXELS // 10**6} million pixels"
            f" and {MAX_SIDE:,} on a side and try again."
        ) from error
    except Exception as error:  # fuzzing drew nine classes out of Pillow, OSError to TypeError
        np.empty(needed_bytes, np.uint8)  # raises MemoryError; nothing is written to it
        raise InvalidImage(
            f"This {format_name} image is damaged, incomplete or of a rare kind: save it anew as"
            " JPEG or PNG and try again."
        ) from error


def _checked_pixels(image: ImageFile, data: bytes) -> int:
    """The number of pixels to decode. Raises DecompressionBombError if it exceeds the limits."""
    width, height = image.size
    # TIFFs are decoded by whole tiles: 10 x 10 pixels of one tile of 40,000 x 40,000, in a file of
    # 1.5 MB, took 1.5 GB and 7 s.
    if isinstance(image, TiffImageFile):
        if re.search(HIDDEN_TILE, data):
            raise ValueError("tile size in a type that only libtiff reads")
        width = max(width, image.tag_v2.get(TILEWIDTH, 0))
        height = max(height, image.tag_v2.get(TILELENGTH, 0))
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Image.DecompressionBombError
    return width * height


def _plain(file: ImageFile, longest_side: int) -> Image.Image:
    shown = _in_full_colors(file)
    if max(shown.size) > longest_side:
        shown.thumbnail((longest_side, longest_side))  # first: all that follows costs by the pixel
    shown = to_srgb(shown, file.info.get("icc_profile"))
    white = Image.new("RGB", shown.size, "white")
    white.paste(shown.convert("RGB"), mask=shown if shown.mode in ("LA", "RGBA") else None)
    turn = _turn(file)
    return white if turn is None else white.transpose(turn)


def _in_full_colors(image: ImageFile) -> Image.Image:
    """The image in L, LA, RGB, RGBA or CMYK, with an alpha channel if it is transparent."""
    if image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getextrema()[1]:
        return image.convert("RGB")  # as of Windows' clipboard, which leaves alpha unset
    if image.mode[0] in "IF":
        return _eight_bits(image)
    if image.mode == "La":
        return image.convert("LA")
    if image.mode in FULL_COLORS and not image.has_transparency_data:
        return image
    is_gray = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        return image.convert("LA" if is_gray else "RGBA")
    return image.convert("L" if is_gray else "CMYK" if image.mode == "CMYK" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 or 32 bits or of floats, scaled; ``convert`` would cut off all above 255."""
    values = np.nan_to_num(np.array(image, np.float32), posinf=0.0, neginf=0.0)
    full_scale = 1.0 if image.mode == "F" else 65_535.0
    if image.mode.startswith("I;16") and _is_white_zero(image):  # Pillow turns 8 bits round alone
        np.subtract(full_scale, values, out=values)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), full_scale)
    scale = 255.0 / (high - low)
    values *= scale  # first of all: the largest floats, less the lowest, would overflow
    values += 0.5 - low * scale
    return Image.fromarray(values.astype(np.uint8))


def _is_white_zero(image: Image.Image) -> bool:
    if not isinstance(image, TiffImageFile):
        return False
    return bool(image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0)


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:  # however broken the metadata are, the pixels are sound
        return None
