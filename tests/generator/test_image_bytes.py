"""One function writes an image's file in every format, with its parameters and its marking."""

import struct
from dataclasses import replace
from io import BytesIO

import pytest
from fakes import FAKE_INFO
from PIL import ExifTags, Image

from generator.image_bytes import MIMETYPES, encoded, exif_bytes
from generator.job import Succeeded
from generator.marking import Marking
from generator.png import parse_parameters, read_parameters

REQUEST = FAKE_INFO.request("a red house – by the sea", seed=7)
IMAGE = Image.linear_gradient("L").convert("RGB")
PAINTED = Succeeded(IMAGE, fast_path="UNet compiled")
UNMARKED = replace(FAKE_INFO, marking=Marking(is_on=False))


def opened(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


def parameters_of(data):
    image = opened(data)
    if image.format == "PNG":
        return read_parameters(data)
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment.startswith(b"UNICODE\0")
    return parse_parameters(comment[8:].decode("utf-16-be"))


@pytest.mark.parametrize("format", MIMETYPES)
@pytest.mark.parametrize("info", [FAKE_INFO, UNMARKED])
def test_every_format_carries_the_parameters(format, info):
    data = encoded(PAINTED, REQUEST, info, format)
    assert opened(data).size == IMAGE.size
    assert Image.MIME[opened(data).format] == MIMETYPES[format]
    said = parameters_of(data)
    assert (said["Prompt"], said["Seed"]) == ("a red house – by the sea", "7")
    assert (said["Model"], said["Sampler"]) == ("fake", "Euler")
    assert said["Fast path"] == "UNet compiled"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_lower_quality_is_fewer_bytes(format):
    noise = Succeeded(Image.effect_noise((64, 64), 90).convert("RGB"))
    sizes = [
        len(encoded(noise, REQUEST, FAKE_INFO, format, quality)) for quality in (0, 50, 95, None)
    ]
    assert sizes[0] < sizes[1] < sizes[2] == sizes[3]


def test_the_parameters_are_of_the_type_that_piexif_reads():
    """And AUTOMATIC1111 by it: 7, UNDEFINED; of numbers it makes a tuple."""
    exif = exif_bytes("a cat\nSteps: 20")
    tag = struct.pack(">HHI", 0x9286, 7, 8 + 2 * len("a cat\nSteps: 20"))
    assert exif.count(tag) == 1


def test_a_png_is_without_loss_and_what_callers_get_who_name_no_format():
    assert opened(encoded(PAINTED, REQUEST, FAKE_INFO)).tobytes() == IMAGE.tobytes()
    assert encoded(PAINTED, REQUEST, FAKE_INFO, "png", 1) == encoded(PAINTED, REQUEST, FAKE_INFO)


@pytest.mark.parametrize("format", MIMETYPES)
def test_marking_changes_no_pixel(format):
    marked, unmarked = (encoded(PAINTED, REQUEST, info, format) for info in (FAKE_INFO, UNMARKED))
    assert opened(marked).tobytes() == opened(unmarked).tobytes()
    assert 300 < len(marked) - len(unmarked) < 600


@pytest.mark.parametrize("format", MIMETYPES)
def test_a_signer_gets_the_whole_marked_file_with_its_type_and_its_model(format):
    def sign(data, mimetype, model):
        return b"|".join([data, mimetype.encode(), model.encode()])

    signing = replace(FAKE_INFO, marking=Marking(sign=sign))
    data = encoded(PAINTED, REQUEST, FAKE_INFO, format)
    expected = data + f"|{MIMETYPES[format]}|fake".encode()
    assert encoded(PAINTED, REQUEST, signing, format) == expected
    off = replace(signing, marking=Marking(is_on=False, sign=sign))
    assert encoded(PAINTED, REQUEST, off, format) == encoded(PAINTED, REQUEST, UNMARKED, format)


def test_if_signing_fails_the_image_goes_out_all_the_same_and_the_log_has_a_line(caplog):
    def fail(data, mimetype, model):
        raise RuntimeError("the key is gone")

    signing = replace(FAKE_INFO, marking=Marking(sign=fail))
    assert encoded(PAINTED, REQUEST, signing) == encoded(PAINTED, REQUEST, FAKE_INFO)
    assert caplog.messages == ["an image goes out without a signature: the key is gone"]
