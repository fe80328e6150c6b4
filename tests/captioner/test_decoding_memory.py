"""Too little memory is no damage, and is told before the pixels are decoded."""

from io import BytesIO

import pytest
from PIL import Image

from captioner import images
from captioner.images import MAX_PIXELS, open_image, read_image


def png(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_a_picture_says_what_its_pixels_will_take():
    assert open_image(png(30, 20)).decoding_bytes == 24 * 600
    assert open_image(png(5000, MAX_PIXELS // 5000)).decoding_bytes == 24 * MAX_PIXELS


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError("out of memory error when reading image file"),
        ValueError("Out of memory"),
    ],
)
@pytest.mark.parametrize("step", ["_plain", "_turn"])
def test_a_lack_of_memory_is_no_damage(monkeypatch, error, step):
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(images, step, fail)
    with pytest.raises(MemoryError):
        read_image(png(3, 2))
