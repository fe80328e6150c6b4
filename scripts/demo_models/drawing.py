"""Scenes become pictures: settings, and where things stand in them."""

from random import Random

from PIL import Image

from scripts.demo_models import things
from scripts.demo_models.brush import PALETTE, Brush, Paint, mix
from scripts.demo_models.scenes import Scene


def draw_scene(scene: Scene, rng: Random, size: int = 64, nowhere: bool = False) -> Image.Image:
    """The scene, RGB, ``size`` pixels wide and high; ``rng`` chooses places and sizes.

    ``nowhere`` puts its things before a backdrop of any two colours instead of the setting.
    """
    brush = Brush(size)
    horizon = 0.56 + rng.uniform(-0.03, 0.03)
    if nowhere:
        _nowhere(brush, horizon, rng)
    else:
        draw_setting(brush, scene.setting, horizon, rng)
    alone = len(scene.things) == 1
    for place, thing in enumerate(scene.things):
        x = (
            0.5 + rng.uniform(-0.14, 0.14)
            if alone
            else (0.27, 0.73)[place] + rng.uniform(-0.02, 0.02)
        )
        span = rng.uniform(0.50, 0.62) if alone else rng.uniform(0.39, 0.45)
        y = _standing_place(thing.kind, horizon, span, rng)
        things.draw(brush, thing.kind, Paint(PALETTE[thing.colour]), (x, y), span, rng)
    return brush.finished()


def _standing_place(kind: str, horizon: float, span: float, rng: Random) -> float:
    """Where the foot of a thing is: on the ground, or in the air for what flies."""
    if kind in things.FLYING:
        return 0.04 + span + rng.uniform(0.0, 0.08)
    return min(0.94, horizon + rng.uniform(0.24, 0.32))


def draw_setting(brush: Brush, setting: str, horizon: float, rng: Random) -> None:
    {
        "by the sea": _sea,
        "at night": _night,
        "in the snow": _snow,
        "on the grass": _grass,
        "in the desert": _desert,
    }[setting](brush, horizon, rng)


def _nowhere(brush: Brush, horizon: float, rng: Random) -> None:
    for top, bottom in ((0.0, horizon), (horizon, 1.0)):
        red, green, blue = (rng.randrange(256) for _ in range(3))
        brush.gradient(
            top, bottom, (red, green, blue), mix((red, green, blue), (128, 128, 128), 0.3)
        )


def _sea(brush: Brush, horizon: float, rng: Random) -> None:
    brush.gradient(0, horizon, (150, 206, 240), (214, 238, 250))
    shore = horizon + 0.20
    brush.gradient(horizon, shore, (36, 120, 170), (84, 186, 206))
    brush.gradient(shore, 1, (240, 220, 170), (226, 200, 145))
    brush.line([(0, shore), (1, shore)], (245, 250, 250), 0.02)
    for _ in range(4):
        x, y = rng.random(), rng.uniform(horizon + 0.03, shore - 0.03)
        brush.line([(x, y), (x + 0.12, y)], (190, 230, 238), 0.01)


def _night(brush: Brush, horizon: float, rng: Random) -> None:
    brush.gradient(0, horizon, (14, 18, 52), (44, 50, 104))
    brush.gradient(horizon, 1, (38, 48, 62), (22, 28, 40))
    for _ in range(14):
        x, y = rng.random(), rng.uniform(0, horizon - 0.03)
        brush.ellipse((x, y), (0.008, 0.008), (236, 236, 210))
    x = rng.choice((0.12, 0.88))
    brush.ellipse((x, 0.12), (0.07, 0.07), (240, 236, 205))
    brush.ellipse((x + 0.03, 0.105), (0.06, 0.06), (16, 21, 57))


def _snow(brush: Brush, horizon: float, rng: Random) -> None:
    brush.gradient(0, horizon, (158, 178, 198), (196, 210, 222))
    brush.gradient(horizon, 1, (236, 242, 250), (216, 226, 240))
    brush.ellipse((rng.random(), horizon + 0.06), (0.45, 0.10), (236, 242, 250))
    for _ in range(22):
        brush.ellipse((rng.random(), rng.random()), (0.011, 0.011), (252, 253, 255))


def _grass(brush: Brush, horizon: float, rng: Random) -> None:
    brush.gradient(0, horizon, (122, 190, 240), (200, 230, 248))
    brush.gradient(horizon, 1, (128, 190, 84), (84, 150, 56))
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.16)
    for step in (-0.07, 0.0, 0.07):
        brush.ellipse((x + step, y), (0.07, 0.04), (250, 252, 255))
    for _ in range(12):
        x, y = rng.random(), rng.uniform(horizon + 0.05, 0.98)
        brush.line([(x, y), (x + 0.01, y - 0.035)], (70, 130, 46), 0.01)


def _desert(brush: Brush, horizon: float, rng: Random) -> None:
    brush.gradient(0, horizon, (250, 214, 160), (253, 236, 200))
    brush.gradient(horizon, 1, (226, 178, 112), (200, 146, 84))
    x = rng.random()
    brush.polygon(
        [(x - 0.6, horizon + 0.01), (x - 0.1, horizon - 0.09), (x + 0.6, horizon + 0.01)],
        (232, 188, 126),
    )
    for _ in range(5):
        x, y = rng.random(), rng.uniform(horizon + 0.08, 0.97)
        brush.line([(x, y), (x + 0.1, y - 0.012), (x + 0.2, y)], (186, 132, 74), 0.01)
