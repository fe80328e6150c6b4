"""Files by their first bytes: what can be read, and what else is refused by its name."""

import pytest
from image_files import encoded, refusal, two_colors


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(99), "a video"),
        (b'<svg><image href="file:///etc/passwd"/></svg>', "an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a --><svg xmlns="x">', "an SVG drawing"),
        (b"<?xml?><!--" + b" " * 3000 + b"--><s:svg xmlns:s='x'>", "an SVG drawing"),
        (b"<!DOCTYPE html><html><body><svg/></body></html>", "a web page"),
        (b"\n<html>", "a web page"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"8BPS\0\x01" + bytes(99), "a Photoshop file"),
        (encoded(two_colors(), "JPEG2000"), "a JPEG 2000 image"),
        (encoded(two_colors(), "JPEG2000", no_jp2=True), "a JPEG 2000 image"),
        (encoded(two_colors(), "ICO"), "an icon"),
        (b"\0\0\x02\0\x01\0" + bytes(99), "an icon"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + bytes(99), "a camera's raw file"),
        (b"just a text that was named photo.jpg", "not an image"),
        (encoded(two_colors(), "EPS"), "not an image"),
        (encoded(two_colors(), "PPM"), "not an image"),
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
