"""Large pictures, long ones and bombs: refused from the header, or read within bounds."""

import struct
import warnings

import pytest
from image_files import (
    encoded,
    png_of_zeros,
    png_without_pixels,
    refusal,
    refusal_at_once,
    tiff_of_one_tile,
)
from PIL import Image, ImageFile

from captioner.images import MAX_PIXELS, read_image


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (1, 65_535)])
def test_odd_shapes_are_read(size):
    assert read_image(png_of_zeros(*size)).size == size


@pytest.mark.parametrize(
    "data",
    [
        png_of_zeros(50_000, 50_000, bits=1, color_type=0),
        png_of_zeros(7_072, 7_072),
        png_of_zeros(1, 65_536),
        png_without_pixels(2**31 - 1, 2**31 - 1),
        png_without_pixels(10_000, 9_000),
        png_without_pixels(10_000, 18_000),
        b"BM" + bytes(8) + struct.pack("<IIiiHHIIiiII", 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
        tiff_of_one_tile(20_000),
        tiff_of_one_tile(20_000, value_type=16),
    ],
    ids=["bomb", "square", "tall", "2^31-1", "90 MP", "180 MP", "bmp", "tile", "tile of 64 bits"],
)
def test_too_many_pixels_are_refused_from_the_header(data):
    message = refusal_at_once(data)
    assert "too large" in message
    assert f"{MAX_PIXELS // 10**6} million pixels" in message


@pytest.mark.parametrize(
    "size", [(8_000, 8_000), (12_000, 12_000), (16_383, 16_383)], ids=["64 MP", "144 MP", "268 MP"]
)
def test_a_webp_of_too_many_pixels_is_refused_from_the_header(size):
    picture = encoded(Image.new("RGB", (16, 16)), "WEBP", lossless=True)[12:]
    canvas = b"".join(struct.pack("<I", side - 1)[:3] for side in size)
    chunks = b"VP8X" + struct.pack("<II", 10, 2) + canvas
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    frame = bytes(6) + b"\x0f\0\0\x0f\0\0" + bytes(4) + picture
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    data = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    assert "too large" in refusal_at_once(data)


@pytest.mark.parametrize("value_type", [17, 18])
def test_a_tile_whose_size_only_libtiff_sees_is_refused(value_type):
    refusal_at_once(tiff_of_one_tile(20_000, value_type))


def test_a_tile_of_ordinary_size_is_read():
    assert read_image(tiff_of_one_tile(256)).size == (10, 10)


def test_a_gif_frame_beyond_its_screen_counts():
    frame = b"," + struct.pack("<HHHH", 0, 0, 60_000, 60_000) + b"\0\x02\x02\x4c\x01\0;"
    data = b"GIF89a" + struct.pack("<HH", 10, 10) + b"\x80\0\0" + bytes(6) + frame
    assert "too large" in refusal_at_once(data)


def test_no_warning_is_given_for_a_size_of_which_pillow_warns():
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        refusal(png_without_pixels(10_000, 9_000))
    assert given == []


def test_pillow_is_left_as_it_was():
    assert Image.MAX_IMAGE_PIXELS == 1024**3 // 4 // 3
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
