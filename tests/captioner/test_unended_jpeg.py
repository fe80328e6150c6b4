"""JPEG files without their end: shown where every pixel is there, and refused where one is not."""

import re

import pytest
from image_files import encoded, noise, refusal, two_colors

from captioner.images import InvalidImage, read_image

START_OF_SCAN = b"\xff\xda"

ONE_SCAN = [
    (noise(), {}),
    (noise(), {"subsampling": 0, "quality": 95}),
    (noise(), {"restart_marker_blocks": 1}),
    (noise(), {"restart_marker_blocks": 3}),
    (noise(), {"restart_marker_rows": 1}),
    (noise().convert("L"), {}),
    (noise().convert("CMYK"), {}),
    (two_colors(), {}),
]


@pytest.mark.parametrize(("image", "options"), ONE_SCAN)
def test_the_last_two_bytes_may_be_missing(image, options):
    data = encoded(image, "JPEG", **options)
    for missing in (1, 2):
        assert read_image(data[:-missing]).tobytes() == read_image(data).tobytes()


@pytest.mark.parametrize(("image", "options"), ONE_SCAN)
@pytest.mark.slow
def test_wherever_a_file_is_cut_it_is_refused_or_shows_the_same(image, options):
    data = encoded(image, "JPEG", **options)
    whole = read_image(data).tobytes()
    read = 0
    for end in (*range(3, len(data) - 80, 23), *range(len(data) - 80, len(data) - 2)):
        try:
            assert read_image(data[:end]).tobytes() == whole, end
            read += 1
        except InvalidImage:
            continue
    assert read < 20


def test_a_file_that_ends_where_codes_start_anew_is_refused():
    data = encoded(noise(), "JPEG", restart_marker_blocks=1)
    markers = [at for at in range(700, len(data)) if re.match(rb"\xff[\xd0-\xd7]", data[at:])]
    assert len(markers) == 11
    for end in markers:
        assert "JPEG image is damaged" in refusal(data[:end])
        assert "JPEG image is damaged" in refusal(data[: end + 2])


def color_by_color():
    """A baseline file whose three channels are three scans, made of three gray files."""
    grays = [encoded(channel, "JPEG") for channel in noise().split()]
    scans = [gray[gray.index(START_OF_SCAN) : -2] for gray in grays]
    of_channels = [
        START_OF_SCAN + b"\0\x08\1" + bytes([name]) + scans[name - 1][6:] for name in (1, 2, 3)
    ]
    head = grays[0][: grays[0].index(START_OF_SCAN)]
    frame = head.index(b"\xff\xc0\0\x0b\x08")
    size = head[frame + 5 : frame + 9]
    channels = b"".join(bytes([name, 0x11, 0]) for name in (1, 2, 3))
    head = head[:frame] + b"\xff\xc0\0\x11\x08" + size + b"\3" + channels + head[frame + 13 :]
    return head, of_channels


def test_a_file_of_a_scan_for_each_color_is_read_whole_and_never_completed():
    head, scans = color_by_color()
    assert read_image(head + b"".join(scans) + b"\xff\xd9").size == noise().size
    for number in (1, 2, 3):
        assert "JPEG image is damaged" in refusal(head + b"".join(scans[:number]))


def test_a_progressive_file_is_never_completed():
    data = encoded(noise(), "JPEG", progressive=True)
    for end in range(len(data) // 2, len(data) - 1, 7):
        assert "JPEG image is damaged" in refusal(data[:end])


def test_a_file_that_ends_between_two_scans_is_refused():
    data = encoded(noise(), "JPEG", progressive=True)
    scans = [at for at in range(len(data)) if data[at : at + 2] in (b"\xff\xda", b"\xff\xc4")]
    for end in scans:
        assert "JPEG image is damaged" in refusal(data[:end])


def test_a_thumbnail_in_the_metadata_is_no_second_scan():
    thumbnail = b"Exif\0\0" + encoded(two_colors(), "JPEG")
    data = encoded(two_colors(), "JPEG", exif=thumbnail)
    assert read_image(data[:-2]).tobytes() == read_image(data).tobytes()
