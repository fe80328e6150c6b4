"""Colours named by numbers, as lcms reads the profile that is made of them."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from icc_profiles import screen_profile
from PIL import Image

from captioner.colors import to_srgb
from captioner.heif_boxes import named_colours
from captioner.images import read_image
from captioner.nclx import icc_profile

BT709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT2020 = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046)
D65 = (0.3127, 0.329)


def nclx(primaries, transfer, white=D65):
    names = [f"{name}_{axis}" for name in ("red", "green", "blue", "white") for axis in "xy"]
    xy = {
        f"color_primary_{name}": value
        for name, value in zip(names, (*primaries, *white), strict=True)
    }
    return xy | {"transfer_characteristics": transfer}


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_srgb_and_its_siblings_need_no_profile(transfer):
    assert icc_profile(nclx(BT709, transfer)) is None


def test_colors_that_are_not_said_need_no_profile():
    assert icc_profile(nclx((0,) * 6, 13, white=(0, 0))) is None


@pytest.mark.parametrize(
    ("primaries", "transfer", "stored", "shown"),
    [
        (P3, 13, (60, 200, 60), (0, 203, 11)),
        (P3, 13, (200, 90, 60), (216, 81, 49)),
        (P3, 13, (128, 128, 128), (128, 128, 128)),
        (BT2020, 13, (128, 128, 128), (128, 128, 128)),
        (BT2020, 13, (128, 160, 128), (103, 164, 124)),
        (BT709, 8, (128, 128, 128), (188, 188, 188)),
        (BT709, 4, (20, 20, 20), (14, 14, 14)),
        # 101.5 nits are half of the white of BT.2408.
        (BT709, 16, (130, 130, 130), (188, 188, 188)),
        (BT709, 16, (148, 148, 148), (255, 255, 255)),
        (BT709, 16, (255, 255, 255), (255, 255, 255)),
        (BT709, 18, (192, 192, 192), (255, 255, 255)),
        (BT709, 18, (0, 0, 0), (0, 0, 0)),
    ],
)
def test_stored_colors_are_shown_as_these(primaries, transfer, stored, shown):
    image = Image.new("RGB", (2, 2), stored)
    converted = to_srgb(image, icc_profile(nclx(primaries, transfer)))
    assert converted.getpixel((0, 0)) == pytest.approx(shown, abs=2)


def saved(format, color, icc_profile=None):
    file = BytesIO()
    options = {"quality": 100, "subsampling": "4:4:4"} if format == "AVIF" else {}
    Image.new("RGB", (32, 32), color).save(file, format, icc_profile=icc_profile, **options)
    return file.getvalue()


def named(format, color, primaries, transfer, icc_profile=None):
    """A file that names its colours by numbers."""
    data = saved(format, color, icc_profile)
    if format == "AVIF":
        at = data.index(b"colrnclx") + 8
        return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
    body = b"cICP" + bytes([primaries, transfer, 0, 1])
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


def shown(data):
    return np.array(read_image(data).getpixel((9, 9)), int)


@pytest.mark.parametrize("format", ["AVIF", "PNG"])
def test_a_file_that_names_its_colours_by_numbers_is_shown_in_them(format):
    color = (100, 180, 100)
    expected = shown(saved("PNG", color, screen_profile()))
    assert abs(shown(named(format, color, 12, 13)) - expected).max() <= 4
    assert abs(shown(named(format, color, 1, 13)) - color).max() <= 4
    assert abs(shown(named(format, color, 2, 2)) - color).max() <= 4
    assert shown(named(format, (150, 150, 150), 9, 16)).min() >= 250  # white of BT.2408 in PQ


def test_numbers_go_before_a_profile_in_a_png_and_behind_it_in_avif():
    srgb_by_number = named("PNG", (100, 180, 100), 1, 13, screen_profile())
    assert tuple(shown(srgb_by_number)) == (100, 180, 100)
    avif, png = (saved(each, (100, 180, 100), screen_profile()) for each in ("AVIF", "PNG"))
    assert abs(shown(avif) - shown(png)).max() <= 4


@pytest.mark.parametrize("cut", [b"meta", b"iprp", b"ipco", b"colr"])
def test_an_avif_whose_boxes_make_no_sense_is_not_made_worse_by_that(cut):
    data = saved("AVIF", (100, 180, 100))
    assert named_colours(data.replace(cut, b"nope", 1)) is None
