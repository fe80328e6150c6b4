"""Cameras' raw files are refused by name; their previews are not mistaken for the picture."""

import struct

import pytest
from image_files import encoded, refusal, two_colors
from PIL import Image

from captioner.camera_raw import is_camera_raw
from captioner.images import read_image

NAMED = "The file is a camera's raw file: save it as JPEG or PNG and try again."
PREVIEW, SUB_IFDS, PHOTOMETRIC, DNG_VERSION = (254, 1), (330, 8), (262, 32803), (50706, 1 << 24)


def tiff(*tags, order="<"):
    """A directory with these tags, and one pixel of gray."""
    standard = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 4, 277: 1, 278: 1, 279: 1}
    entries = sorted((standard | dict(tags)).items())
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    body = struct.pack(order + "H", len(entries))
    for tag, value in entries:
        body += struct.pack(order + "HHII", tag, 4, 1, value)
    return header + body + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tags", [(PREVIEW, SUB_IFDS), (PHOTOMETRIC,), (DNG_VERSION,)])
def test_a_tiff_file_without_the_picture_itself_is_called_raw(tags, order):
    assert refusal(tiff(*tags, order=order)) == NAMED


@pytest.mark.parametrize(
    "beginning",
    [
        b"II*\0\x10\0\0\0CR\x02\0",  # Canon CR2
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",  # Canon CR3
        b"II\x1a\0\0\0\0\0HEAPCCDR",  # Canon CRW
        b"IIRO\x08\0\0\0",  # Olympus
        b"IIU\0\x18\0\0\0",  # Panasonic
        b"FUJIFILMCCD-RAW 0201",
        b"FOVb\0\0\2\0",  # Sigma
    ],
)
def test_raw_files_of_other_makers_are_known_by_their_first_bytes(beginning):
    assert refusal(beginning + bytes(99)) == NAMED


@pytest.mark.parametrize("tags", [(), (PREVIEW,), (SUB_IFDS,)])
def test_a_tiff_file_with_its_picture_is_read(tags):
    assert not is_camera_raw(tiff(*tags))
    assert read_image(tiff(*tags)).size == (1, 1)


def test_a_directory_that_cannot_be_read_is_left_to_the_decoder():
    data = encoded(two_colors(), "TIFF")
    assert not is_camera_raw(data[:4] + struct.pack("<I", 2**31) + data[8:])
    assert "TIFF image is damaged" in refusal(data[:4] + struct.pack("<I", 2**31) + data[8:])


def test_a_tiff_file_of_several_pages_is_none():
    pages = [Image.new("L", (8, 8), value) for value in (0, 255)]
    assert read_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])).size
