"""Picture files, made in the tests that need them, and what is said about pictures."""

import re
import resource
import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageStat, features

from captioner.images import InvalidImage, read_image

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")


def encoded(image, file_format, **options):
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def two_colors(mode="RGB"):
    """Left half (200, 40, 40), right half (40, 40, 200): on average (120, 40, 120)."""
    image = Image.new("RGB", (96, 64), (200, 40, 40))
    image.paste((40, 40, 200), (48, 0, 96, 64))
    return image.convert(mode)


def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    return Image.fromarray(pixels)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height, bits=8, color_type=2):
    size = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)


def zlib_zeros(length):
    """As zlib.compress(bytes(length)) for whole megabytes, by repeating one megabyte's block."""
    megabytes, rest = divmod(length, 2**20)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(2**20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = block * megabytes + last.compress(bytes(rest)) + last.flush()
    return b"\x78\xda" + body + struct.pack(">I", (length % 65521) << 16 | 1)


def png_without_pixels(width, height):
    return png_header(width, height) + chunk(b"IDAT", b"")


def png_of_zeros(width, height, bits=8, color_type=2, extra=b""):
    row_bytes = 1 + (width * bits * (3 if color_type == 2 else 1) + 7) // 8
    pixels = chunk(b"IDAT", zlib_zeros(row_bytes * height))
    return png_header(width, height, bits, color_type) + extra + pixels + chunk(b"IEND", b"")


def tiff_of_one_tile(tile_side, value_type=4):
    """10 x 10 gray pixels of a deflated tile; its side is written as a TIFF value of that type."""
    tile = zlib_zeros(tile_side**2)
    at_sides = 8 + 2 + 10 * 12 + 4
    side = at_sides if value_type in (16, 17, 18) else tile_side
    tags = [(256, 4, 10), (257, 4, 10), (258, 4, 8), (259, 4, 8), (262, 4, 1), (277, 4, 1)]
    tags += [(322, value_type, side), (323, value_type, side)]
    tags += [(324, 4, at_sides + 8), (325, 4, len(tile))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return header + entries + bytes(4) + struct.pack("<q", tile_side) + tile


def means(image):
    return ImageStat.Stat(image).mean


def refusal(data):
    """What the user reads, after a look at whether it is fit to be read."""
    with pytest.raises(InvalidImage) as caught:
        read_image(data)
    message = str(caught.value)
    assert re.fullmatch(r"[A-Z][^.\n]*\.", message)
    assert "try again" in message
    assert not re.search(r"Error|Exception|Warning|PIL|BytesIO|/|\\|0x|<|\(", message)
    return message


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def refusal_at_once(data):
    before, start = peak_megabytes(), time.process_time()
    message = refusal(data)
    assert time.process_time() - start < 0.05
    assert peak_megabytes() - before < 20
    return message
