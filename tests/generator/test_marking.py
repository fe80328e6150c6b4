"""Every format's file says that a model made it, read by a program that is not ours."""

from dataclasses import replace

import pytest
from exiftool import metadata_of, needs_exiftool
from fakes import FAKE_INFO
from PIL import Image

from generator.image_bytes import MIMETYPES, encoded
from generator.job import Succeeded
from generator.marking import Marking, SourceType, xmp_packet

NAME = "XMP:DigitalSourceType"
URI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
REQUEST = FAKE_INFO.request("a red house <&> by the sea", seed=7)


def file_of(format, marking=FAKE_INFO.marking):
    painted = Succeeded(Image.linear_gradient("L").convert("RGB"))
    return encoded(painted, REQUEST, replace(FAKE_INFO, marking=marking), format)


@needs_exiftool
@pytest.mark.parametrize("format", MIMETYPES)
def test_a_file_says_that_a_model_made_it(format):
    said = metadata_of(file_of(format))
    assert said["File:MIMEType"] == MIMETYPES[format]
    assert said[NAME] == URI


@needs_exiftool
@pytest.mark.parametrize("format", MIMETYPES)
def test_without_marking_there_is_no_xmp(format):
    said = metadata_of(file_of(format, Marking(is_on=False)))
    assert not [name for name in said if name.startswith("XMP")]
    text = said.get("PNG:Parameters") or said["EXIF:UserComment"]
    assert text.startswith("a red house <&> by the sea\n")


@needs_exiftool
def test_an_image_from_a_picture_s_latents_has_a_word_of_its_own():
    said = metadata_of(xmp_packet(SourceType.COMPOSITE))
    assert said[NAME] == URI.replace("trained", "compositeWithTrained")
