"""Images to their PNGs: Pillow's own encoder at its quickest, and ours."""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING

from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from generator import png_encoder
from scripts.benchmarks.comparison import Comparison, Figure, interleave
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

if TYPE_CHECKING:
    from scripts.benchmarks.models import Subject

PILLOW, OURS = "Pillow", "ours"
SIZE = (1024, 1024)
GRAIN = 8  # standard deviation, of 255: of a photo by little light


@dataclass(frozen=True, slots=True)
class Encoded:
    seconds: float
    count: int  # of bytes


def encoding(subject: "Subject") -> Iterator[Comparison]:
    plan = subject.plan
    for what, image in images().items():
        ways = {PILLOW: partial(by_pillow, image), OURS: partial(png_encoder.png, image, PngInfo())}
        calls = {way: partial(timed, encode) for way, encode in ways.items()}
        encoded = interleave(calls, plan.repeat, plan.warms_up)
        figures = [
            Figure.of("ms", encoded, lambda each: 1000 * each.seconds),
            Figure.of("kB", encoded, lambda each: each.count / 1000),
        ]
        yield Comparison(f"PNG of {what}, {SIZE[0]}x{SIZE[1]}", figures)


def images() -> dict[str, Image.Image]:
    """Random bytes are the worst that there is, a drawing about the best."""
    rng = Random("encoding")
    drawing = draw_scene(sample_scene(rng), rng, SIZE)
    grain = Image.merge("RGB", [Image.effect_noise(SIZE, GRAIN) for _ in range(3)])
    width, height = SIZE
    return {
        "random bytes": Image.frombytes("RGB", SIZE, rng.randbytes(3 * width * height)),
        "a drawing with grain": ImageChops.add(drawing, grain, offset=-128),
        "a drawing": drawing,
    }


def by_pillow(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def timed(encode: Callable[[], bytes]) -> Encoded:
    started = time.perf_counter()
    png = encode()
    return Encoded(time.perf_counter() - started, len(png))
