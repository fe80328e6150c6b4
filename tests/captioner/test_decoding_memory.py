"""Too little memory is no damage, and is told before the pixels are decoded."""

from io import BytesIO

import pytest
from PIL import Image

from captioner import images
from captioner.images import (
    DECODING_BYTES_PER_PIXEL,
    MAX_PIXELS,
    InvalidImage,
    open_image,
    read_image,
)


def png(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_a_picture_says_what_its_pixels_will_take():
    assert open_image(png(30, 20)).decoding_bytes == DECODING_BYTES_PER_PIXEL * 600
    assert (
        open_image(png(5000, MAX_PIXELS // 5000)).decoding_bytes
        == DECODING_BYTES_PER_PIXEL * MAX_PIXELS
    )


@pytest.mark.parametrize("step", ["_plain", "_turn"])
def test_a_lack_of_memory_is_no_damage(monkeypatch, step):
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, step, fail)
    with pytest.raises(MemoryError):
        read_image(png(3, 2))


@pytest.mark.parametrize(("can_be_had", "error"), [(True, InvalidImage), (False, MemoryError)])
def test_what_a_decoder_says_of_it_is_judged_by_the_memory(monkeypatch, can_be_had, error):
    """WebP: "could not create decoder object"; AVIF: "Decoding of color planes failed"."""

    def fail(*arguments: object) -> None:
        raise OSError("failed to read next frame")

    def probe(count: int, kind: object) -> None:
        if count and not can_be_had:
            raise MemoryError

    monkeypatch.setattr(images, "_plain", fail)
    monkeypatch.setattr(images.np, "empty", probe)
    with pytest.raises(error):
        read_image(png(3, 2))
