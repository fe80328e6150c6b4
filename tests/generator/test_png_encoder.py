import time
from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from generator.png_encoder import png


def noise(width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((width, height), 90) for _ in range(3)])


def with_pillow(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (64, 48), (1024, 8)])
def test_the_pixels_come_back_as_they_were(size):
    image = noise(*size)
    with Image.open(BytesIO(png(image, PngInfo()))) as again:
        assert (again.format, again.mode, again.size) == ("PNG", "RGB", size)
        assert again.tobytes() == image.tobytes()


def test_the_file_is_whole_and_its_sums_are_right():
    with Image.open(BytesIO(png(noise(64, 48), PngInfo()))) as image:
        image.verify()
    damaged = bytearray(png(noise(64, 48), PngInfo()))
    damaged[100] ^= 1
    with pytest.raises(SyntaxError), Image.open(BytesIO(bytes(damaged))) as image:
        image.verify()


def test_its_text_is_found_before_the_pixels_are_read():
    text = PngInfo()
    text.add_text("parameters", "a red house")
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    with Image.open(BytesIO(png(noise(8, 8), text))) as image:
        assert image.text == {"parameters": "a red house", "XML:com.adobe.xmp": "<x:xmpmeta/>"}


def test_other_modes_are_converted():
    grey = Image.effect_noise((9, 9), 90)
    with Image.open(BytesIO(png(grey, PngInfo()))) as again:
        assert again.tobytes() == grey.convert("RGB").tobytes()


@pytest.mark.slow
def test_it_takes_at_most_half_of_pillows_time_and_for_a_gradient_few_bytes():
    image = noise(1024, 1024)
    assert best(lambda: png(image, PngInfo())) < best(lambda: with_pillow(image)) / 2
    gradient = Image.linear_gradient("L").resize((1024, 1024)).convert("RGB")
    assert len(png(gradient, PngInfo())) < 0.02 * 3 * 1024 * 1024


def best(call) -> float:
    def seconds() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return min(seconds() for _ in range(3))
