"""What stands in PNG files beside the pixels: most of it is never read."""

import struct
import time
import zlib

import pytest
from image_files import chunk, encoded, peak_megabytes, png_of_zeros, two_colors, zlib_zeros

from captioner.colors import MAX_PROFILE_BYTES
from captioner.images import read_image
from captioner.png_chunks import open_png

HEADER_END = 8 + 12 + 13
LONG = 2**20 + 1  # one byte more than Pillow unpacks


def with_chunks(*chunks, at=HEADER_END):
    """The two colours as a PNG file, with these chunks in it."""
    data = encoded(two_colors(), "PNG")
    end = len(data) + at if at < 0 else at
    return data[:end] + b"".join(chunks) + data[end:]


def assert_shows_two_colors(data):
    assert read_image(data).tobytes() == two_colors().tobytes()


@pytest.mark.parametrize("at", [HEADER_END, -12], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(LONG))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(LONG))),
        chunk(b"zTXt", b"comment\0\7" + b"packed in no known way"),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n      4\nzz\n"),
        chunk(b"tEXt", b"transparency\0yes"),
        chunk(b"tEXt", b"interlace\0yes"),
        chunk(b"tEXt", b"bbox\0yes"),
        chunk(b"tEXt", b"exif\0yes"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"short"),
        chunk(b"pHYs", b""),
        chunk(b"sRGB", b""),
        chunk(b"acTL", b""),
        chunk(b"tEXt", b"comment\0of a wrong checksum")[:-1] + b"\0",
    ],
)
def test_what_no_pixel_needs_is_skipped_unread(text, at):
    assert_shows_two_colors(with_chunks(text, at=at))


@pytest.mark.parametrize(
    "packed",
    [b"\0" + zlib.compress(bytes(2_000_000)), b"\0no zlib", b"\1unknown", b""],
    ids=["2 MB of zeros", "no zlib", "unknown method", "nothing"],
)
def test_a_profile_that_is_none_spoils_no_pixels(packed):
    assert_shows_two_colors(with_chunks(chunk(b"iCCP", b"profile\0" + packed)))


def test_the_first_of_two_profiles_counts():
    profiles = [
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile)) for profile in (b"first", b"second")
    ]
    assert open_png(with_chunks(*profiles)).info["icc_profile"] == b"first"


@pytest.mark.parametrize(
    "bomb",
    [
        chunk(b"zTXt", b"comment\0\0" + zlib_zeros(200 * 2**20)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib_zeros(200 * 2**20)),
        chunk(b"iCCP", b"profile\0\0" + zlib_zeros(200 * 2**20)),
    ],
    ids=["zTXt", "iTXt", "iCCP"],
)
def test_what_unpacks_to_200_megabytes_is_never_unpacked(bomb):
    data = png_of_zeros(16, 16, extra=bomb)
    before, start = peak_megabytes(), time.process_time()
    assert read_image(data).size == (16, 16)
    assert time.process_time() - start < 0.1
    assert peak_megabytes() - before < 20


def test_a_profile_is_unpacked_as_far_as_the_limit_and_no_further():
    data = with_chunks(chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(MAX_PROFILE_BYTES * 2))))
    assert len(open_png(data).info["icc_profile"]) == MAX_PROFILE_BYTES + 1


def test_a_length_that_points_behind_the_file_ends_the_search():
    data = with_chunks(struct.pack(">I4s", 2**31 - 1, b"tEXt"), at=-12)
    assert_shows_two_colors(data)


@pytest.mark.slow
def test_pixels_in_a_hundred_thousand_chunks_are_read_as_fast_as_text_is_skipped():
    seconds = []
    for kind in (b"tEXt", b"IDAT"):
        data = with_chunks(chunk(kind, b"") * 100_000)
        start = time.process_time()
        assert_shows_two_colors(data)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 3 * seconds[0]
