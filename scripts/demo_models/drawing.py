"""Turns scenes into pictures: places and sizes of their things."""

from dataclasses import dataclass
from random import Random

from PIL import Image

from scripts.demo_models import things
from scripts.demo_models.brush import PALETTE, Canvas, Paint
from scripts.demo_models.scenes import FLYING, Scene, Thing
from scripts.demo_models.settings import draw_nowhere, draw_setting

Range = tuple[float, float]

SQUARE = (128, 128)

# By the number of columns, in shares of the picture's side: the middles of columns, how far each
# may stray, and the spans of things by the word for their size.
MIDDLES = {1: (0.5,), 2: (0.27, 0.73), 3: (0.18, 0.5, 0.82)}
STRAY = {1: 0.13, 2: 0.02, 3: 0.01}
SPANS: dict[int, dict[str, Range]] = {
    1: {"small": (0.26, 0.31), "": (0.48, 0.58), "big": (0.74, 0.81)},
    2: {"small": (0.21, 0.25), "": (0.37, 0.43), "big": (0.53, 0.57)},
    3: {"": (0.27, 0.31)},
}
UNDER: Range = (0.39, 0.44)  # for a thing that another flies above
OVER: Range = (0.34, 0.38)


@dataclass(frozen=True)
class Placed:
    """A thing in the picture: the middle of its foot, and its height and width."""

    thing: Thing
    x: float
    foot: float
    span: float


def draw_scene(
    scene: Scene, rng: Random, size: tuple[int, int] = SQUARE, nowhere: bool = False
) -> Image.Image:
    """The scene, RGB, with a width and height in pixels; ``rng`` chooses places and sizes.

    Things stand in the middle square, where they would stand in a square picture.

    ``nowhere`` puts its things before a backdrop of any two colours instead of the setting.
    """
    canvas = Canvas(*size)
    horizon = 0.56 + rng.uniform(-0.03, 0.03)
    if nowhere:
        draw_nowhere(canvas, horizon, rng)
    else:
        draw_setting(canvas, scene.setting, scene.weather, horizon, rng)
    for placed in place_things(scene, rng):
        thing = placed.thing
        paint = Paint(PALETTE[thing.colour])
        things.draw(canvas, thing.kind, paint, (placed.x, placed.foot), placed.span, rng)
    return canvas.finished()


def place_things(scene: Scene, rng: Random) -> list[Placed]:
    """The places of a scene's things, in the order of its caption."""
    columns = scene.columns
    count = len(columns)
    placed = []
    for column, middle in zip(columns, _middles(scene), strict=True):
        x = middle + rng.uniform(-STRAY[count], STRAY[count])
        if len(column) == 2:
            placed += _stacked(column[0], column[1], x, rng)
        else:
            placed.append(_alone(column[0], x, SPANS[count][column[0].size], rng))
    return placed


def _middles(scene: Scene) -> tuple[float, ...]:
    """The columns' middles; a big thing takes some of its neighbour's room."""
    sizes = [column[-1].size for column in scene.columns]
    if sizes == ["big", ""]:
        return 0.30, 0.79
    if sizes == ["", "big"]:
        return 0.21, 0.70
    return MIDDLES[len(sizes)]


def _alone(thing: Thing, x: float, spans: Range, rng: Random) -> Placed:
    span = rng.uniform(*spans)
    if thing.kind in FLYING:
        foot = min(0.97, 0.05 + span + rng.uniform(0.0, 0.08))
    else:
        foot = rng.uniform(max(0.80, span + 0.06), max(0.90, span + 0.10))
    return Placed(thing, _inside(x, span), foot, span)


def _stacked(upper: Thing, lower: Thing, x: float, rng: Random) -> list[Placed]:
    spans = rng.uniform(*OVER), rng.uniform(*UNDER)
    return [
        Placed(upper, x, spans[0] + rng.uniform(0.04, 0.07), spans[0]),
        Placed(lower, x, rng.uniform(0.91, 0.94), spans[1]),
    ]


def _inside(x: float, span: float) -> float:
    """``x`` moved until nothing of the thing is cut off."""
    return min(max(x, span / 2 + 0.02), 0.98 - span / 2)
