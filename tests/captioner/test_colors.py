"""Pictures with colour profiles, shown in sRGB as browsers show them."""

import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from icc_profiles import gray_profile, press_profile, profile, screen_profile
from image_files import chunk, encoded, means, needs_avif, png_header, two_colors
from PIL import ExifTags, Image, ImageChops, ImageCms

from captioner.colors import MAX_PROFILE_BYTES, to_srgb
from captioner.images import jpeg_bytes, read_image

P3 = screen_profile()
PATCHES = [((60, 200, 60), (0, 203, 11)), ((200, 90, 60), (216, 81, 49))]
BEST = {"quality": 100, "subsampling": 0}


def patch(mode, color, file_format, icc_profile, **options):
    image = Image.new(mode, (16, 16), color)
    return encoded(image, file_format, icc_profile=icc_profile, **options)


@pytest.mark.parametrize(("stored", "shown"), PATCHES)
@pytest.mark.parametrize(
    ("file_format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", BEST, 2),
        pytest.param("AVIF", BEST | {"subsampling": "4:4:4"}, 8, marks=needs_avif),
    ],
)
def test_a_photo_in_display_p3_is_shown_in_srgb(file_format, options, tolerance, stored, shown):
    image = read_image(patch("RGB", stored, file_format, P3, **options))
    assert image.getpixel((8, 8)) == pytest.approx(shown, abs=tolerance)
    assert image.info == {}


def test_the_original_shows_the_same_colors_and_carries_no_profile():
    original = jpeg_bytes(read_image(patch("RGB", (60, 200, 60), "PNG", P3)), quality=100)
    with Image.open(BytesIO(original)) as again:
        assert "icc_profile" not in again.info
        assert again.getpixel((8, 8)) == pytest.approx((0, 203, 11), abs=3)


def test_colors_are_turned_before_they_are_laid_on_white():
    half = read_image(patch("RGBA", (60, 200, 60, 128), "PNG", P3))
    assert half.getpixel((8, 8)) == pytest.approx((127, 229, 133), abs=1)
    none = read_image(patch("RGBA", (60, 200, 60, 0), "PNG", P3))
    assert none.getpixel((8, 8)) == (255, 255, 255)


def test_a_color_named_transparent_is_named_before_it_is_turned():
    image = Image.new("RGB", (16, 16), (60, 200, 60))
    image.paste((200, 90, 60), (8, 0, 16, 16))
    shown = read_image(encoded(image, "PNG", icc_profile=P3, transparency=(200, 90, 60)))
    assert shown.getpixel((2, 2)) == (0, 203, 11)
    assert shown.getpixel((12, 2)) == (255, 255, 255)


def test_the_colors_of_a_palette_are_turned():
    image = Image.new("P", (16, 16), 0)
    image.putpalette([60, 200, 60, 200, 90, 60])
    image.paste(1, (8, 0, 16, 16))
    shown = read_image(encoded(image, "PNG", icc_profile=P3))
    assert shown.getpixel((2, 2)) == (0, 203, 11)
    assert shown.getpixel((12, 2)) == (216, 81, 49)


def test_orientation_and_profile_do_not_hinder_each_other():
    stored = Image.new("RGB", (96, 64), (60, 200, 60))
    stored.paste((200, 90, 60), (0, 0, 96, 20))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    shown = read_image(encoded(stored, "PNG", exif=exif, icc_profile=P3))
    assert shown.size == (64, 96)
    assert shown.getpixel((60, 50)) == (216, 81, 49)
    assert shown.getpixel((4, 50)) == (0, 203, 11)


def png_16(channels, color_type, icc_profile):
    row = b"\0" + struct.pack(">" + "H" * len(channels) * 4, *channels * 4)
    chunks = chunk(b"iCCP", b"profile\0\0" + zlib.compress(icc_profile))
    chunks += chunk(b"IDAT", zlib.compress(row * 4)) + chunk(b"IEND", b"")
    return png_header(4, 4, 16, color_type) + chunks


def test_sixteen_bits_a_channel_are_turned_after_they_are_scaled():
    color = [257 * value for value in (60, 200, 60)]
    assert read_image(png_16(color, 2, P3)).getpixel((2, 2)) == (0, 203, 11)
    half = read_image(png_16([*color, 32_896], 6, P3))
    assert half.getpixel((2, 2)) == pytest.approx((127, 229, 133), abs=1)
    linear = read_image(png_16([32_768], 0, gray_profile(1.0)))
    assert linear.getpixel((2, 2)) == pytest.approx((188, 188, 188), abs=1)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF"])
def test_linear_gray_becomes_lighter(file_format):
    shown = read_image(patch("L", 128, file_format, gray_profile(1.0)))
    assert shown.getpixel((8, 8)) == pytest.approx((188, 188, 188), abs=1)


def test_linear_gray_with_alpha_keeps_it():
    shown = read_image(patch("LA", (128, 0), "PNG", gray_profile(1.0)))
    assert shown.getpixel((8, 8)) == (255, 255, 255)
    shown = read_image(patch("LA", (128, 128), "PNG", gray_profile(1.0)))
    assert shown.getpixel((8, 8)) == pytest.approx((221, 221, 221), abs=1)


def ink_lightness(cyan, magenta, yellow, black):
    return 0 if black else 100 - 50 * cyan - 30 * magenta - 10 * yellow


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("inks", "gray"),
    [((0, 0, 0, 0), 255), ((255, 0, 0, 0), 119), ((0, 255, 0, 0), 171), ((0, 0, 0, 255), 0)],
)
@pytest.mark.slow
def test_inks_look_as_the_press_profile_says(file_format, inks, gray):
    options = {"quality": 100} if file_format == "JPEG" else {}
    press = press_profile(ink_lightness)
    shown = read_image(patch("CMYK", inks, file_format, press, **options))
    assert shown.getpixel((8, 8)) == pytest.approx((gray,) * 3, abs=2)


@pytest.mark.parametrize(
    ("mode", "color", "icc_profile"),
    [
        ("RGB", (60, 200, 60), b"no profile at all"),
        ("RGB", (60, 200, 60), P3[:200]),
        ("RGB", (60, 200, 60), P3[:-80] + bytes(40)),
        ("RGB", (60, 200, 60), P3 + bytes(MAX_PROFILE_BYTES)),
        ("RGB", (60, 200, 60), gray_profile(1.0)),
        ("RGB", (60, 200, 60), press_profile(ink_lightness)),
        ("RGB", (60, 200, 60), profile(b"RGB ", {}, device_class=b"link")),
        ("RGB", (60, 200, 60), profile(b"RGB ", {})),
        ("L", 128, P3),
        ("LA", (128, 255), P3),
        ("CMYK", (60, 200, 60, 0), P3),
        ("LAB", (128, 128, 128), P3),
    ],
)
@pytest.mark.slow
def test_a_profile_that_is_broken_or_of_other_pixels_changes_nothing(mode, color, icc_profile):
    plain = read_image(patch(mode, color, "TIFF", None))
    assert read_image(patch(mode, color, "TIFF", icc_profile)).tobytes() == plain.tobytes()


def test_a_profile_of_srgb_itself_changes_no_value_by_more_than_one():
    values = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stored = Image.fromarray(values)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    shown = read_image(encoded(stored, "PNG", icc_profile=srgb))
    assert max(high for _, high in ImageChops.difference(stored, shown).getextrema()) <= 1


def test_without_a_profile_no_value_changes():
    assert read_image(encoded(two_colors(), "PNG")).tobytes() == two_colors().tobytes()


@pytest.mark.slow
def test_many_threads_turn_colors_at_once():
    data = [patch("RGB", stored, "PNG", P3) for stored, _ in PATCHES] * 50
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda file: read_image(file).getpixel((8, 8)), data))
    assert shown == [color for _, color in PATCHES] * 50


@pytest.mark.slow
def test_no_damage_to_a_profile_is_told():
    rng, image = random.Random(0), Image.new("RGB", (8, 8), "red")
    sound = [P3, gray_profile(2.2), press_profile(ink_lightness)]
    images = [image.convert(mode) for mode in ("RGB", "L", "CMYK")]
    for _ in range(200):
        place = rng.randrange(3)
        damaged = bytearray(sound[place])
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        assert means(to_srgb(images[place], bytes(damaged)).convert("RGB"))
