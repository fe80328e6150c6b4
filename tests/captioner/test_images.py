"""What people upload, as plain RGB images."""

import struct
import time
import zipfile
from io import BytesIO

import numpy as np
import pytest
from image_files import encoded, means, needs_avif, noise, two_colors
from PIL import ExifTags, Image

from captioner.images import jpeg_bytes, read_image


def ramp_16():
    return np.arange(65536, dtype=np.uint16).reshape(256, 256)


# Formats and colours.


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"big_tiff": True}),
        pytest.param("AVIF", {}, marks=needs_avif),
    ],
)
def test_every_common_format_is_read_by_its_bytes_alone(file_format, options):
    image = read_image(encoded(two_colors(), file_format, **options))
    assert (image.mode, image.size) == ("RGB", (96, 64))
    assert means(image) == pytest.approx((120, 40, 120), abs=3)
    assert image.getpixel((10, 30)) == pytest.approx((200, 40, 40), abs=5)
    assert image.getpixel((85, 30)) == pytest.approx((40, 40, 200), abs=5)


@pytest.mark.parametrize(
    ("file_format", "mode", "expected"),
    [
        ("PNG", "P", (120, 40, 120)),
        ("GIF", "P", (120, 40, 120)),
        ("BMP", "P", (120, 40, 120)),
        ("JPEG", "CMYK", (120, 40, 120)),
        ("TIFF", "CMYK", (120, 40, 120)),
        ("TIFF", "YCbCr", (120, 40, 120)),
        ("TIFF", "LAB", (120, 40, 120)),
        ("PNG", "L", (73, 73, 73)),
        ("JPEG", "L", (73, 73, 73)),
        ("PNG", "LA", (73, 73, 73)),
        ("WEBP", "RGBA", (120, 40, 120)),
    ],
)
def test_every_color_mode_keeps_its_colors(file_format, mode, expected):
    image = read_image(encoded(two_colors(mode), file_format))
    assert image.mode == "RGB"
    assert means(image) == pytest.approx(expected, abs=3)


def test_a_one_bit_image_is_black_and_white():
    pixels = np.indices((64, 64)).sum(axis=0) % 2 == 0
    image = read_image(encoded(Image.fromarray(pixels), "PNG"))
    assert means(image) == [127.5] * 3
    assert sorted(color for _, color in image.getcolors()) == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_a_transparent_image_is_laid_on_white(file_format):
    invisible = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert means(read_image(encoded(invisible, file_format))) == [255] * 3


def test_half_transparent_black_becomes_gray():
    veil = Image.new("LA", (16, 16), (0, 128))
    assert means(read_image(encoded(veil, "PNG"))) == pytest.approx([127] * 3, abs=1)


def test_gray_that_is_already_multiplied_by_its_alpha_is_divided_again():
    veil = encoded(Image.new("LA", (16, 16), (50, 128)), "TIFF")
    extra_samples = b"\x52\x01\x03\x00\x01\x00\x00\x00"  # tag 338, one SHORT
    assert veil.count(extra_samples + b"\2") == 1
    multiplied = veil.replace(extra_samples + b"\2", extra_samples + b"\1")
    assert means(read_image(multiplied)) == pytest.approx([177] * 3, abs=1)


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_the_transparent_color_of_a_palette_becomes_white(file_format):
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (8, 0, 16, 16))
    shown = read_image(encoded(image, file_format, transparency=0))
    assert shown.getpixel((2, 2)) == (255, 255, 255)
    assert shown.getpixel((12, 2)) == (0, 0, 255)


def test_a_palette_with_alpha_in_each_color_is_laid_on_white():
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (8, 0, 16, 16))
    shown = read_image(encoded(image, "PNG", transparency=bytes([0, 128])))
    assert shown.getpixel((2, 2)) == (255, 255, 255)
    assert shown.getpixel((12, 2)) == (127, 127, 255)


@pytest.mark.parametrize(("mode", "key"), [("RGB", (200, 40, 40)), ("L", 88)])
def test_a_color_named_transparent_becomes_white(mode, key):
    image = Image.new(mode, (16, 16), key)
    assert means(read_image(encoded(image, "PNG", transparency=key))) == [255] * 3


@pytest.mark.parametrize(
    ("file_format", "pixels"),
    [
        ("PNG", ramp_16()),
        ("TIFF", ramp_16()),
        ("TIFF", ramp_16().astype(">u2")),
        ("TIFF", ramp_16().astype(np.int32)),
        ("TIFF", ramp_16().astype(np.int32) * 30_000),
        ("TIFF", ramp_16().astype(np.float32) / 65_535),
        ("TIFF", ramp_16().astype(np.float32)),
        ("TIFF", (ramp_16().astype(np.float32) - 32_767.5) * 1e34),
    ],
    ids=["png16", "tiff16", "tiff16be", "int", "large int", "unit float", "float", "huge float"],
)
def test_more_than_eight_bits_are_scaled_and_not_cut_off(file_format, pixels):
    image = read_image(encoded(Image.fromarray(pixels), file_format))
    assert means(image) == pytest.approx([127.5] * 3, abs=2)
    shown = np.asarray(image)
    assert (shown == 255).mean() < 0.01
    assert (np.diff(shown[:, :, 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize(("photometric", "shown"), [(0, 245), (1, 10)])
def test_sixteen_bits_of_which_zero_is_white_are_no_negative(photometric, shown):
    """As of film scanners and X-rays."""
    pixels = struct.pack("<H", 2570) * 64
    shorts = {256: 8, 257: 8, 258: 16, 259: 1, 262: photometric, 273: 200, 277: 1, 278: 8, 279: 128}
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in shorts.items())
    file = b"II*\0\x08\0\0\0" + struct.pack("<H", len(shorts)) + entries + bytes(4)
    image = read_image(file.ljust(200, b"\0") + pixels)
    assert image.getpixel((3, 3)) == (shown,) * 3


def test_dark_sixteen_bit_gray_stays_dark():
    pixels = np.full((16, 16), 6_553, np.uint16)
    assert means(read_image(encoded(Image.fromarray(pixels), "PNG"))) == pytest.approx(
        [25.5] * 3, abs=1
    )


def test_floats_that_are_no_numbers_are_black_and_spoil_nothing():
    pixels = ramp_16().astype(np.float32) / 65_535
    pixels[0, :3] = np.nan, np.inf, -np.inf
    image = read_image(encoded(Image.fromarray(pixels), "TIFF"))
    assert means(image) == pytest.approx([127.5] * 3, abs=2)
    assert [image.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0)] * 3


# Orientation, animation, metadata.

UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize(
    "file_format", ["JPEG", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=needs_avif)]
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_is_held_upright(file_format, orientation):
    stored = two_colors()
    stored.paste((240, 240, 80), (0, 0, 32, 32))  # so that no two orientations look alike
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = read_image(encoded(stored, file_format, exif=exif))
    expected = UPRIGHT[orientation](np.asarray(stored, int))
    assert np.asarray(image).shape == expected.shape
    assert abs(np.asarray(image, int) - expected).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert read_image(encoded(two_colors(), "JPEG", exif=exif)).size == (96, 64)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0neither", b"Exif\0\0MM\0*", b"Exif\0\0II*\0\x08"]
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_broken_metadata_do_not_spoil_sound_pixels(file_format, exif):
    image = read_image(encoded(two_colors(), file_format, exif=exif))
    assert means(image) == pytest.approx((120, 40, 120), abs=3)


@pytest.mark.parametrize(
    "file_format", ["GIF", "WEBP", "PNG", pytest.param("AVIF", marks=needs_avif)]
)
def test_of_an_animation_the_first_frame_is_read(file_format):
    first, *others = [Image.new("RGB", (32, 32), color) for color in ("red", "lime", "blue")]
    data = encoded(first, file_format, save_all=True, append_images=others, duration=50)
    assert means(read_image(data)) == pytest.approx((255, 0, 0), abs=3)


def test_a_thousand_frames_cost_no_more_than_one():
    still = encoded(Image.new("P", (32, 32)), "GIF")
    frame = still[still.index(b",") : -1]
    start = time.process_time()
    assert read_image(still[:-1] + frame * 1000 + b";").size == (32, 32)
    assert time.process_time() - start < 0.1


def test_what_is_read_carries_no_metadata():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "secret"
    data = encoded(
        two_colors(), "JPEG", exif=exif, comment=b"secret", icc_profile=b"secret", dpi=(72, 72)
    )
    image = read_image(data)
    assert type(image) is Image.Image
    assert image.info == {}
    assert not image.getexif()
    assert b"secret" in data
    assert b"secret" not in jpeg_bytes(image)


def test_only_pixels_leave_a_file_that_is_also_a_zip():
    tail = BytesIO()
    with zipfile.ZipFile(tail, "w") as archive:
        archive.writestr("payload.js", "alert('payload')")
    image = read_image(encoded(two_colors(), "JPEG") + tail.getvalue())
    assert means(image) == pytest.approx((120, 40, 120), abs=3)
    left = jpeg_bytes(image)
    assert b"PK\x03\x04" not in left
    assert b"payload" not in left


# Re-encoding.


def test_jpeg_bytes_show_the_same_image():
    with Image.open(BytesIO(jpeg_bytes(two_colors()))) as again:
        assert (again.format, again.size) == ("JPEG", (96, 64))
        assert means(again) == pytest.approx((120, 40, 120), abs=3)


def test_jpeg_bytes_leave_out_the_metadata_of_any_image():
    image = two_colors()
    image.info.update(comment=b"secret", icc_profile=b"secret", exif=b"Exif\0\0secret")
    assert b"secret" not in jpeg_bytes(image)
    assert image.info["comment"] == b"secret"


def test_a_lower_quality_makes_a_smaller_file():
    assert len(jpeg_bytes(noise(), quality=20)) < len(jpeg_bytes(noise()))
