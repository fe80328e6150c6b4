"""HEIC images as plain RGB images, where the extra is installed; a sentence where it is not."""

import random
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from heif_files import (
    coded,
    colr_icc,
    colr_nclx,
    full_box,
    grid,
    heif,
    imir,
    irot,
    needs_heif,
    overlay,
    read_file,
)
from icc_profiles import screen_profile
from image_files import peak_megabytes, refusal, refusal_at_once
from PIL import Image

from captioner import formats
from captioner.images import InvalidImage, jpeg_bytes, open_image, read_image

# Of rotation and mirroring by the file, in the order in which the format asks for them.
TURNS = [
    ([], lambda stored: stored),
    ([irot(1)], lambda stored: np.rot90(stored, 1)),
    ([irot(2)], lambda stored: np.rot90(stored, 2)),
    ([irot(3)], lambda stored: np.rot90(stored, 3)),
    ([imir(1)], lambda stored: stored[:, ::-1]),
    ([imir(0)], lambda stored: stored[::-1]),
    ([irot(1), imir(1)], lambda stored: np.rot90(stored, 1)[:, ::-1]),
    ([irot(3), imir(1)], lambda stored: np.rot90(stored, 3)[:, ::-1]),
]
ALPHA = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


def tiled(columns, rows, canvas):
    count = columns * rows
    references = [(b"dimg", 1, list(range(2, 2 + count)))]
    return heif(canvas, *[coded("picture")] * count, references=references)


def drawn():
    picture = Image.new("RGB", (128, 64), (200, 40, 40))
    picture.paste((40, 40, 200), (64, 0, 128, 64))
    picture.paste((240, 240, 80), (0, 0, 32, 32))
    return np.asarray(picture, int)


@needs_heif
@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_a_heic_image_is_read_by_its_bytes_alone(brand):
    encoded = open_image(heif(coded("picture"), brand=brand))
    assert (encoded.format_name, encoded.file.size) == ("HEIC", (128, 64))
    image = encoded.read()
    assert (image.mode, image.info) == ("RGB", {})
    assert abs(np.asarray(image, int) - drawn()).mean() < 4


@needs_heif
@pytest.mark.parametrize(("properties", "turn"), TURNS)
def test_the_picture_is_turned_as_the_file_says(properties, turn):
    encoded = open_image(heif(coded("picture", *properties)))
    size, image = encoded.file.size, encoded.read()
    assert size == image.size
    expected = turn(drawn())
    assert np.asarray(image).shape == expected.shape
    assert abs(np.asarray(image, int) - expected).mean() < 4


@needs_heif
def test_the_orientation_of_a_camera_beside_it_does_not_turn_it_twice():
    exif = Image.Exif()
    exif[274] = 6
    item = (b"Exif", bytes(4) + exif.tobytes().removeprefix(b"Exif\0\0"), [])
    data = heif(coded("picture", irot(3)), item, references=[(b"cdsc", 2, [1])])
    assert read_image(data).size == (64, 128)
    assert read_image(data.replace(b"irot", b"free")).size == (128, 64)


@needs_heif
def test_a_picture_in_tiles_is_one_picture():
    image = read_image(tiled(2, 2, grid(2, 2, 240, 120)))
    expected = np.tile(drawn(), (2, 2, 1))[:120, :240]
    assert abs(np.asarray(image, int) - expected).mean() < 4


@needs_heif
def test_transparency_is_laid_on_white():
    items = [coded("green"), coded("gray", ALPHA)]
    image = read_image(heif(*items, references=[(b"auxl", 2, [1])]))
    assert image.getpixel((8, 8)) == pytest.approx((156, 227, 156), abs=3)
    premultiplied = heif(*items, references=[(b"auxl", 2, [1]), (b"prem", 1, [2])])
    assert read_image(premultiplied).getpixel((8, 8)) == pytest.approx((185, 255, 185), abs=4)


@needs_heif
@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        (colr_icc(screen_profile()), (0, 203, 11)),
        (colr_icc(b"no profile at all"), (60, 200, 60)),
        (colr_nclx(12, 13), (0, 203, 11)),
        (colr_nclx(1, 13), (60, 200, 60)),
        (colr_nclx(1, 1), (60, 200, 60)),
        (colr_nclx(2, 2), (60, 200, 60)),
        (colr_nclx(1, 8), (132, 228, 132)),
    ],
)
def test_colors_are_shown_in_srgb(profile, shown):
    image = read_image(heif(coded("green", profile)))
    assert image.getpixel((8, 8)) == pytest.approx(shown, abs=2)


@needs_heif
@pytest.mark.parametrize(
    ("name", "shown"),
    [("green_10_bits", (60, 200, 60)), ("gray", (130,) * 3), ("gray_10_bits", (128,) * 3)],
)
def test_gray_and_ten_bits_are_read(name, shown):
    assert read_image(read_file(name)).getpixel((8, 8)) == pytest.approx(shown, abs=2)


@needs_heif
def test_ten_bits_are_turned_after_they_are_scaled():
    data = heif(coded("green_10_bits", colr_icc(screen_profile())))
    assert read_image(data).getpixel((8, 8)) == pytest.approx((0, 203, 11), abs=6)


# Limits and damage.


@needs_heif
@pytest.mark.parametrize("size", [(10_000, 9_000), (1, 70_000), (2**31, 2**31)])
def test_too_many_pixels_are_refused_from_the_header(size):
    assert "too large" in refusal_at_once(heif(coded("picture", size=size)))


@needs_heif
def test_a_picture_larger_than_it_says_is_refused():
    refusal_at_once(heif(coded("picture", size=(1, 1))))


@needs_heif
def test_overlays_of_overlays_are_refused_at_once():
    """Each level has two, which both show both of the next: a million pictures at the bottom."""
    items = [overlay(2, 8, 8)] * 41 + [coded("picture")] * 2
    references = [(b"dimg", 1, [2, 3])]
    for number in range(2, 42):
        below = number + 2 - number % 2
        references.append((b"dimg", number, [below, below + 1]))
    assert "too large" in refusal_at_once(heif(*items, references=references))


@needs_heif
def test_tiles_far_behind_the_edge_are_refused_at_once():
    items = [grid(30, 30, 4, 4)] + [coded("picture", size=(4000, 4000))] * 900
    references = [(b"dimg", 1, list(range(2, 902)))]
    assert "too large" in refusal_at_once(heif(*items, references=references))


@needs_heif
def test_gray_of_fewer_bits_than_the_header_says_is_refused():
    """pi-heif's own scaling wrote behind the end of such pixels, which ended the process."""
    eight, ten = (coded(name)[2][0] for name in ("gray", "gray_10_bits"))
    kind, pixels, (_, *others) = coded("gray")
    assert eight[8 + 17 : 8 + 19] != ten[8 + 17 : 8 + 19]
    header = bytearray(eight)
    header[8 + 17 : 8 + 19] = ten[8 + 17 : 8 + 19]
    assert "damaged" in refusal(heif((kind, pixels, [bytes(header), *others])))


@needs_heif
@pytest.mark.slow
def test_metadata_and_other_pictures_are_left_unread():
    """Of 300 pictures each has a profile of 2 MB, which is one in the file."""
    pictures = [coded("picture", colr_icc(bytes(2 * 2**20)))] * 300
    exif = (b"Exif", bytes(6 * 2**20), [])
    about = [(b"cdsc", 301, list(range(1, 301)))]
    data = heif(*pictures, exif, references=about)
    before = peak_megabytes()
    assert read_image(data).size == (128, 64)
    assert peak_megabytes() - before < 40


@needs_heif
@pytest.mark.parametrize("share", [1 / 8, 1 / 4, 1 / 2, 3 / 4, 0.99])
@pytest.mark.parametrize("name", ["picture", "green_10_bits", "gray"])
def test_part_of_a_heic_image_is_refused(name, share):
    data = read_file(name)
    message = refusal(data[: int(len(data) * share)])
    assert message.startswith("This HEIC image is damaged, incomplete or of a rare kind")


@needs_heif
def test_a_tile_that_is_not_there_is_told():
    data = tiled(2, 1, grid(2, 1, 256, 64))
    assert read_image(data).size == (256, 64)
    assert "damaged" in refusal(data[:-1])


@needs_heif
def test_what_a_camera_appends_does_not_matter():
    assert read_image(read_file("picture") + b"\xff\xff\xff\xfftrailer" * 9).size == (128, 64)


@needs_heif
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_no_damage_draws_anything_but_invalid_image():
    rng = random.Random(0)
    tiles = tiled(2, 1, grid(2, 1, 256, 64))
    for data in [read_file("picture"), read_file("gray"), tiles] * 200:
        mutant = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            mutant[rng.randrange(32, len(mutant))] = rng.choice((0, 1, 255, rng.randrange(256)))
        try:
            assert read_image(bytes(mutant)).mode == "RGB"
        except InvalidImage:
            continue


@needs_heif
def test_many_threads_read_at_once():
    data = [read_file("picture"), read_file("green")] * 40
    alone = [read_image(file).tobytes() for file in data[:2]]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda file: read_image(file).tobytes(), data)) == alone * 40


@needs_heif
def test_pillow_is_left_as_it_was():
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        assert jpeg_bytes(read_image(read_file("picture")))
    assert given == []
    assert "HEIF" not in Image.OPEN


def test_without_the_extra_both_ways_out_are_named(monkeypatch):
    without = [
        (magic, formats.HEIC_WITHOUT_EXTRA if found.name == "HEIC" else found)
        for magic, found in formats.READABLE
    ]
    monkeypatch.setattr(formats, "READABLE", without)
    with pytest.raises(InvalidImage) as caught:
        read_image(read_file("picture"))
    assert str(caught.value) == (
        "The file is a HEIC image, which this server was not set up to read: save it as JPEG and"
        " try again, or ask the server's owner to start it with scripts/serve --with heif."
    )
