"""Colours named by numbers, as lcms reads the profile that is made of them."""

import pytest
from PIL import Image

from captioner.colors import to_srgb
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
