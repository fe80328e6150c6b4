"""Finds the format of a file by its first bytes alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from captioner.avif import open_avif
from captioner.bmp_bitfields import open_bmp
from captioner.camera_raw import is_camera_raw
from captioner.heif import open_heif
from captioner.png_chunks import open_png
from captioner.unended_jpeg import open_jpeg


@dataclass(frozen=True, slots=True)
class Format:
    """``open`` reads the header alone; it is None if files of this format cannot be read."""

    name: str
    open: Callable[[bytes], ImageFile] | None = None
    advice: str = "save it as JPEG or PNG and try again"


HEIC_WITHOUT_EXTRA = Format(
    "a HEIC image, which this server was not set up to read",
    advice="save it as JPEG and try again, or ask the server's owner to start it with"
    " scripts/serve --with heif",
)

# Format classes are called directly, because Image.open warns above 89 million pixels and silencing
# that is worse: warning filters belong to the whole process, and warnings.catch_warnings is unsafe
# among threads and makes every library repeat the warnings it has already given.
READABLE = [
    (rb"\xff\xd8\xff", Format("JPEG", open_jpeg)),
    (rb"\x89PNG\r\n\x1a\n", Format("PNG", open_png)),
    (rb"RIFF....WEBP", Format("WEBP", lambda data: WebPImageFile(BytesIO(data)))),
    (rb"GIF8[79]a", Format("GIF", lambda data: GifImageFile(BytesIO(data)))),
    (rb"BM", Format("BMP", open_bmp)),
    (rb"II[*+]\x00|MM\x00[*+]", Format("TIFF", lambda data: TiffImageFile(BytesIO(data)))),
    (rb"....ftyp(avi[fs]|m[is]f1.{0,40}avi[fs])", Format("AVIF", open_avif)),
    (
        rb"....ftyp(he[iv][cfmsx]|m[is]f1)",
        Format("HEIC", open_heif) if open_heif else HEIC_WITHOUT_EXTRA,
    ),
]
UNREADABLE = [
    (rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"....ftyp", "a video"),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]", "an icon"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\s*%PDF-", "a PDF"),
    (rb"(?i)\s*<(!doctype html|html)\b", "a web page"),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(.{0,4000}?<)?(\w{1,40}:)?svg\b", "an SVG drawing"),
    (rb"", "not an image of a known format"),
]


def find_format(data: bytes) -> Format:
    head = data[:4096]
    if is_camera_raw(data):
        return Format("a camera's raw file")
    for magic, found in READABLE:
        if re.match(magic, head, re.DOTALL):
            return found
    return Format(next(name for magic, name in UNREADABLE if re.match(magic, head, re.DOTALL)))
