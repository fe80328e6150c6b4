"""Bytes to a plain RGB image, whatever people upload, and from there to a JPEG."""

import re
import struct
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
# Rows cost too: 1 x 50,000,000 pixels took 1.1 GB and 5 s, a square of as many 0.24 GB and 0.5 s.
MAX_SIDE = 65_535

# Format classes are called directly, because Image.open warns above 89 million pixels and silencing
# that is worse: warning filters belong to the whole process, and warnings.catch_warnings is unsafe
# among threads and makes every library repeat the warnings it has already given.
READABLE: list[tuple[bytes, type[ImageFile]]] = [
    (rb"\xff\xd8\xff", JpegImageFile),
    (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    (rb"RIFF....WEBP", WebPImageFile),
    (rb"GIF8[79]a", GifImageFile),
    (rb"BM", BmpImageFile),
    (rb"II[*+]\x00|MM\x00[*+]", TiffImageFile),
    (rb"....ftyp(avi[fs]|m[is]f1.{0,40}avi[fs])", AvifImageFile),
]
UNREADABLE = [
    (rb"....ftyp(he[iv][cfmsx]|m[is]f1)", "a HEIC image"),
    (rb"....ftyp", "a video"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\s*%PDF-", "a PDF"),
    (rb"(?i)\s*<(!doctype html|html)\b", "a web page"),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(.{0,2000}?<)?svg\b", "an SVG drawing"),
    (rb"", "not an image of a known format"),
]

# TileWidth or TileLength as one SLONG8 or IFD8: libtiff obeys these types, Pillow skips them.
HIDDEN_TILE = rb"[BC]\x01[\x11\x12]\0\x01\0\0\0|\x01[BC]\0[\x11\x12](\0{4})?\0\0\0\x01"

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
    """One sentence for whoever uploaded the file: what is wrong, and how to mend it."""


def read_image(data: bytes) -> Image.Image:
    """Any JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF as a new, upright RGB image without metadata.

    Transparency is laid on white, gray of more than 8 bits is scaled, and of an animation the first
    frame is taken. Sizes are checked before pixels are decoded. Raises InvalidImage.
    """
    if not data:
        raise InvalidImage("The file is empty: choose an image and try again.")
    if len(data) > MAX_BYTES:
        raise InvalidImage(f"The file is over {MAX_BYTES >> 20} MB: save it smaller and try again.")
    reader = _reader(data)
    try:
        image = reader(BytesIO(data))
        _check_size(image, data)
        image.load()
        return _plain(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidImage(
            f"The image is too large: save a copy of at most {MAX_PIXELS // 10**6} million pixels"
            f" and {MAX_SIDE:,} on a side and try again."
        ) from error
    except Exception as error:  # fuzzing drew nine classes out of Pillow, OSError to TypeError
        raise InvalidImage(
            f"This {reader.format} image is damaged or incomplete: save it anew and try again."
        ) from error


def jpeg_bytes(image: Image.Image, quality: int = 90) -> bytes:
    """What was read, without metadata and at most 2048 pixels on its longer side."""
    small = image.copy()
    small.info = {}  # Pillow would write a comment that it found there
    small.thumbnail((2048, 2048))
    file = BytesIO()
    small.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _reader(data: bytes) -> type[ImageFile]:
    head = data[:4096]
    for magic, reader in READABLE:
        if re.match(magic, head, re.DOTALL):
            return reader
    kind = next(kind for magic, kind in UNREADABLE if re.match(magic, head, re.DOTALL))
    raise InvalidImage(f"The file is {kind}: save it as JPEG or PNG and try again.")


def _check_size(image: ImageFile, data: bytes) -> None:
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


def _plain(image: ImageFile) -> Image.Image:
    shown = _eight_bits(image) if image.mode[0] in "IF" else image
    white = Image.new("RGB", image.size, "white")
    if shown.has_transparency_data:
        shown = shown.convert("RGBA")
        white.paste(shown, mask=shown)
    else:
        white.paste(shown)
    turn = _turn(image)
    return white if turn is None else white.transpose(turn)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 or 32 bits or of floats, scaled; ``convert`` would cut off all above 255."""
    values = np.nan_to_num(np.array(image, np.float32), posinf=0.0, neginf=0.0)
    full_scale = 1.0 if image.mode == "F" else 65_535.0
    low, high = min(float(values.min()), 0.0), max(float(values.max()), full_scale)
    scale = 255.0 / (high - low)
    values *= scale  # first of all: the largest floats, less the lowest, would overflow
    values += 0.5 - low * scale
    return Image.fromarray(values.astype(np.uint8))


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (SyntaxError, struct.error):  # the metadata are broken; the pixels are sound
        return None
