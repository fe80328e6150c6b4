"""What the benchmark says of PNGs: the figures of both encoders, for the same pixels."""

from io import BytesIO
from types import SimpleNamespace

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from generator import png_encoder
from scripts.benchmarks import encoding
from scripts.benchmarks.arguments import QUICK
from scripts.benchmarks.encoding import OURS, PILLOW


def test_both_encode_the_same_pixels():
    for image in encoding.images().values():
        files = encoding.by_pillow(image), png_encoder.png(image, PngInfo())
        decoded = [Image.open(BytesIO(file)).tobytes() for file in files]
        assert decoded == [image.tobytes()] * 2


def test_the_figures_are_the_time_and_the_size_of_each(monkeypatch):
    files = {PILLOW: bytes(2000), OURS: bytes(3000)}
    monkeypatch.setattr(encoding, "by_pillow", lambda image: files[PILLOW])
    monkeypatch.setattr(png_encoder, "png", lambda image, text: files[OURS])
    for comparison in encoding.encoding(SimpleNamespace(plan=QUICK)):
        milliseconds, kilobytes = comparison.figures
        assert list(milliseconds.values) == [PILLOW, OURS]
        assert all(each > 0 for way in milliseconds.values.values() for each in way)
        assert kilobytes.values == {PILLOW: [2.0] * QUICK.repeat, OURS: [3.0] * QUICK.repeat}
