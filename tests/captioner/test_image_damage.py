"""What is only part of an image, or was one."""

import random
import struct
import time

import pytest
from image_files import encoded, noise, png_without_pixels, refusal, two_colors
from PIL import ExifTags, Image, features

from captioner.images import InvalidImage, read_image


def test_an_empty_file_is_called_empty():
    assert "empty" in refusal(b"")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [1 / 4, 1 / 2, 3 / 4])
def test_part_of_an_image_is_refused(file_format, share):
    data = encoded(noise(), file_format)
    message = refusal(data[: int(len(data) * share)])
    assert f"This {file_format} image is damaged" in message


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
    "magic",
    [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"BM", b"II*\0"]
    + [b"MM\0*", b"II+\0", b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypmif1\0\0\0\0avif"],
)
def test_a_beginning_alone_is_damaged(magic):
    assert "image is damaged" in refusal(magic)
    assert "image is damaged" in refusal(magic + bytes(999))


def rare(kind):
    """As other programs write it, as far as Pillow would read."""
    if kind == "TIFF":
        compression = struct.pack("<HHII", 259, 3, 1, 1)
        webp = struct.pack("<HHII", 259, 3, 1, 50001)
        return encoded(two_colors(), "TIFF").replace(compression, webp)
    bits, compression = {"2 bits": (2, 0), "JPEG within": (0, 4), "PNG within": (0, 5)}[kind]
    header = struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, bits, compression, 64, 0, 0, 4, 0)
    return b"BM" + struct.pack("<IHHI", 134, 0, 0, 70) + header + bytes(80)


@pytest.mark.parametrize("kind", ["TIFF", "2 bits", "JPEG within", "PNG within"])
def test_of_a_sound_image_that_cannot_be_read_nobody_says_that_it_must_be_damaged(kind):
    assert "or of a rare kind: save it anew as JPEG or PNG" in refusal(rare(kind))


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
@pytest.mark.slow
def test_no_damage_draws_anything_but_invalid_image(fuzz_seconds):
    rng, files = random.Random(0), corpus()
    for data in files:
        assert read_image(data).mode == "RGB"
    end = time.perf_counter() + fuzz_seconds
    while time.perf_counter() < end:
        try:
            assert read_image(mutated(rng, rng.choice(files))).mode == "RGB"
        except InvalidImage:
            continue
