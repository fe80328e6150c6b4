import random
import re
import resource
import struct
import time
import warnings
import zipfile
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile, ImageStat, features

from captioner.images import MAX_BYTES, MAX_PIXELS, InvalidImage, jpeg_bytes, read_image

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")


# Files, made here so that each test shows what is in them.


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


def ramp_16():
    return np.arange(65536, dtype=np.uint16).reshape(256, 256)


# What is said about them.


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


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [((4096, 1024), (2048, 512)), ((1, 5000), (1, 2048)), ((2048, 2048), (2048, 2048))],
)
def test_jpeg_bytes_are_at_most_2048_pixels_on_a_side(size, shrunk):
    image = Image.new("RGB", size, "red")
    with Image.open(BytesIO(jpeg_bytes(image))) as again:
        assert again.size == shrunk
    assert image.size == size


def test_a_lower_quality_makes_a_smaller_file():
    assert len(jpeg_bytes(noise(), quality=20)) < len(jpeg_bytes(noise()))


# Sizes.


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


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"comment\0\0" + zlib_zeros(200 * 2**20)),
        chunk(b"iCCP", b"profile\0\0" + zlib_zeros(200 * 2**20)),
    ],
    ids=["zTXt", "iCCP"],
)
def test_metadata_that_unpack_to_200_megabytes_are_never_unpacked(extra):
    before, start = peak_megabytes(), time.process_time()
    data = png_of_zeros(16, 16, extra=extra)
    try:
        assert read_image(data).size == (16, 16)
    except InvalidImage:
        assert "PNG image is damaged" in refusal(data)
    assert time.process_time() - start < 0.1
    assert peak_megabytes() - before < 20


def test_no_warning_is_given_for_a_size_of_which_pillow_warns():
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        refusal(png_without_pixels(10_000, 9_000))
    assert given == []


def test_pillow_is_left_as_it_was():
    assert Image.MAX_IMAGE_PIXELS == 1024**3 // 4 // 3
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_file_may_be_as_large_as_the_limit_and_no_larger():
    data = encoded(two_colors(), "JPEG").ljust(MAX_BYTES, b"\0")
    assert read_image(data).size == (96, 64)
    assert "20 MB" in refusal(data + b"\0")


# What is no image, or only part of one.


def test_an_empty_file_is_called_empty():
    assert "empty" in refusal(b"")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [1 / 4, 1 / 2, 3 / 4])
def test_part_of_an_image_is_refused(file_format, share):
    data = encoded(noise(), file_format)
    message = refusal(data[: int(len(data) * share)])
    assert f"This {file_format} image is damaged or incomplete" in message


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_without_its_last_byte_an_image_is_refused_or_whole(file_format):
    data = encoded(noise(), file_format)
    try:
        image = read_image(data[:-1])
    except InvalidImage:
        refusal(data[:-1])
    else:
        assert image.tobytes() == read_image(data).tobytes()


def test_a_png_with_a_wrong_checksum_is_refused():
    data = bytearray(encoded(noise(), "PNG"))
    data[len(data) // 2] ^= 1
    assert "PNG image is damaged" in refusal(bytes(data))


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_an_image_without_pixels_is_refused(size):
    refusal(png_without_pixels(*size))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "a HEIC image"),
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix" + bytes(99), "a HEIC image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99), "a HEIC image"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(99), "a video"),
        (b'<svg><image href="file:///etc/passwd"/></svg>', "an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a --><svg xmlns="x">', "an SVG drawing"),
        (b"<!DOCTYPE html><html><body><svg/></body></html>", "a web page"),
        (b"\n<html>", "a web page"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"8BPS\0\x01" + bytes(99), "a Photoshop file"),
        (b"just a text that was named photo.jpg", "not an image"),
        (encoded(two_colors(), "EPS"), "not an image"),
        (encoded(two_colors(), "PPM"), "not an image"),
        (encoded(two_colors(), "ICO"), "not an image"),
        (b"SIMPLE  =                    T", "not an image"),
        (b"Image type: RGB\r\n", "not an image"),
        (b"\0", "not an image"),
        (b" " * 9999, "not an image"),
    ],
)
def test_what_cannot_be_read_is_named_with_advice(data, kind):
    message = refusal(data)
    assert f"The file is {kind}" in message
    assert message.endswith(": save it as JPEG or PNG and try again.")


@pytest.mark.parametrize(
    "magic",
    [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"BM", b"II*\0"]
    + [b"MM\0*", b"II+\0", b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypmif1\0\0\0\0avif"],
)
def test_a_beginning_alone_is_damaged(magic):
    assert "image is damaged or incomplete" in refusal(magic)
    assert "image is damaged or incomplete" in refusal(magic + bytes(999))


# And whatever else there may be.


def corpus():
    small = two_colors().resize((16, 12))
    modes = {
        "JPEG": ["RGB", "L", "CMYK"],
        "PNG": ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"],
        "WEBP": ["RGB", "RGBA"],
        "GIF": ["P"],
        "BMP": ["RGB", "P", "1"],
        "TIFF": ["RGB", "RGBA", "LA", "P", "1", "CMYK", "YCbCr", "I", "F"],
    }
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    files = [encoded(small.convert(m), name) for name, all_of in modes.items() for m in all_of]
    files += [encoded(small, name, exif=exif) for name in ("JPEG", "PNG", "WEBP", "TIFF")]
    files += [encoded(small, "TIFF", compression=c) for c in ("tiff_lzw", "jpeg", "packbits")]
    files += [encoded(small, "GIF", save_all=True, append_images=[small.rotate(90)])]
    return files + ([encoded(small, "AVIF")] if features.check("avif") else [])


def mutated(rng, data):
    mutant = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        # Headers are where the most can go wrong, so every other change is made there.
        end = min(64, len(mutant)) if rng.random() < 0.5 else len(mutant)
        mutant[rng.randrange(end)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(mutant[: rng.randrange(len(mutant))] if rng.random() < 0.1 else mutant)


@pytest.mark.filterwarnings("ignore")  # as errors they would end the reading before its later parts
def test_no_damage_draws_anything_but_invalid_image():
    rng, files = random.Random(0), corpus()
    for data in files:
        assert read_image(data).mode == "RGB"
    end = time.perf_counter() + 1.5
    while time.perf_counter() < end:
        try:
            assert read_image(mutated(rng, rng.choice(files))).mode == "RGB"
        except InvalidImage:
            continue
