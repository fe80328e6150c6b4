"""The backdrop of a scene's things: sky and ground of each setting, and the weather."""

import math
from collections.abc import Callable
from random import Random

from scripts.demo_models.brush import Canvas, Colour, mix

SKIES: dict[str, tuple[Colour, Colour]] = {
    "by the sea": ((140, 204, 244), (216, 240, 252)),
    "at night": ((12, 16, 50), (48, 54, 112)),
    "in the snow": ((160, 182, 204), (202, 216, 228)),
    "on the grass": ((116, 188, 244), (204, 232, 250)),
    "in the desert": ((250, 216, 164), (254, 238, 206)),
    "in the mountains": ((136, 190, 236), (220, 234, 246)),
    "in the city": ((160, 196, 224), (226, 232, 238)),
}
WEATHER_SKIES: dict[str, tuple[Colour, Colour]] = {
    "at sunset": ((214, 92, 110), (255, 196, 112)),
    "in the rain": ((112, 124, 142), (164, 174, 186)),
}
RAINBOW: tuple[Colour, ...] = (
    (240, 128, 128),
    (250, 190, 120),
    (250, 238, 140),
    (150, 216, 150),
    (140, 180, 240),
    (190, 150, 224),
)


def draw_setting(canvas: Canvas, setting: str, weather: str, horizon: float, rng: Random) -> None:
    """Fills the canvas: sky above ``horizon`` (0 to 1 from the top), ground below."""
    canvas.gradient(canvas.top, horizon, *WEATHER_SKIES.get(weather, SKIES[setting]))
    if weather == "at sunset":
        _sun(canvas, horizon, rng)
    if weather == "under a rainbow":
        _rainbow(canvas, horizon)
    _GROUNDS[setting](canvas, weather, horizon, rng)
    if weather == "in the rain":
        _rain(canvas, rng)


def draw_nowhere(canvas: Canvas, horizon: float, rng: Random) -> None:
    """Draws any two colours, as a backdrop that tells nothing."""
    for top, bottom in ((canvas.top, horizon), (horizon, canvas.bottom)):
        red, green, blue = (rng.randrange(256) for _ in range(3))
        canvas.gradient(
            top, bottom, (red, green, blue), mix((red, green, blue), (128, 128, 128), 0.3)
        )


def _sun(canvas: Canvas, horizon: float, rng: Random) -> None:
    x = rng.uniform(0.1, 0.9)
    for radius, colour in ((0.13, (255, 206, 130)), (0.09, (255, 240, 190))):
        canvas.ellipse((x, horizon), (radius, radius), colour)


def _rainbow(canvas: Canvas, horizon: float) -> None:
    for band, colour in enumerate(RAINBOW):
        radius = 0.50 - 0.028 * band
        canvas.ellipse((0.5, horizon), (radius, radius), colour)
    sky = mix(*SKIES["by the sea"], 0.8)
    radius = 0.50 - 0.028 * len(RAINBOW)
    canvas.ellipse((0.5, horizon), (radius, radius), sky)


def _rain(canvas: Canvas, rng: Random) -> None:
    for _ in range(26):
        x, y = rng.uniform(canvas.left, canvas.right + 0.05), canvas.somehow_high(rng)
        canvas.line([(x, y), (x - 0.025, y + 0.075)], (202, 214, 228), 0.008)


def _clouds(canvas: Canvas, weather: str, rng: Random) -> None:
    colour = {"at sunset": (250, 176, 140), "in the rain": (96, 106, 124)}.get(weather)
    for _ in range(2):
        x, y = canvas.somewhere(rng), rng.uniform(0.07 + canvas.top / 2, 0.24)
        for shift, lift in ((-0.075, 0.0), (0.0, 0.02), (0.075, 0.0)):
            canvas.ellipse((x + shift, y - lift), (0.075, 0.035), colour or (250, 252, 255))


def _ground(canvas: Canvas, weather: str, top: float, first: Colour, last: Colour) -> None:
    """Draws earth, which takes on a little of the weather's light."""
    tint, share = {
        "at sunset": ((190, 96, 80), 0.18),
        "in the rain": ((80, 90, 106), 0.25),
    }.get(weather, ((0, 0, 0), 0.0))
    canvas.gradient(top, canvas.bottom, mix(first, tint, share), mix(last, tint, share))


def _sea(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    if weather != "at sunset":
        _clouds(canvas, weather, rng)
    shore = horizon + 0.18
    canvas.gradient(horizon, shore + 0.01, (34, 118, 172), (88, 190, 210))
    for _ in range(5):
        x, y = canvas.somewhere(rng), rng.uniform(horizon + 0.03, shore - 0.03)
        canvas.line([(x - 0.07, y), (x + 0.07, y)], (186, 228, 238))
    _ground(canvas, weather, shore, (242, 222, 172), (228, 202, 148))
    first, last = math.floor(12 * canvas.left), math.ceil(12 * canvas.right)
    steps = range(first, last + 1)
    wave = [(step / 12, shore + 0.008 * math.sin(1.6 * step)) for step in steps]
    canvas.line(wave, (248, 252, 252), 0.022)


def _night(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    for _ in range(14):
        x, y = canvas.somewhere(rng), rng.uniform(canvas.top + 0.02, horizon - 0.05)
        canvas.ellipse((x, y), (0.008, 0.008), (240, 238, 214))
    x = rng.choice((0.1, 0.9))
    canvas.ellipse((x, 0.11), (0.07, 0.07), (244, 238, 208))
    canvas.ellipse((x + 0.03, 0.095), (0.06, 0.06), (18, 22, 60))
    _ground(canvas, weather, horizon, (40, 54, 66), (22, 30, 42))


def _snow(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    hill = rng.random()
    _ground(canvas, weather, horizon, (238, 243, 250), (216, 226, 240))
    canvas.ellipse((hill, horizon + 0.06), (0.5, 0.11), (238, 243, 250))
    for _ in range(20):
        canvas.ellipse(
            (canvas.somewhere(rng), canvas.somehow_high(rng)), (0.011, 0.011), (253, 254, 255)
        )


def _grass(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    if weather != "at sunset":
        _clouds(canvas, weather, rng)
    _ground(canvas, weather, horizon, (134, 196, 88), (88, 154, 58))
    for _ in range(12):
        x, y = canvas.somewhere(rng), rng.uniform(horizon + 0.06, canvas.bottom - 0.02)
        blade = mix((72, 134, 48), (56, 84, 60), 0.5 if weather else 0.0)
        canvas.line([(x - 0.015, y - 0.03), (x, y), (x + 0.015, y - 0.035)], blade)


def _desert(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    x = rng.random()
    for shift, height, colour in ((0.5, 0.07, (240, 204, 146)), (0.0, 0.10, (234, 190, 128))):
        dune = [(x + shift - 0.7, horizon + 0.01), (x + shift - 0.1, horizon - height)]
        canvas.polygon([*dune, (x + shift + 0.6, horizon + 0.01)], colour)
    _ground(canvas, weather, horizon, (228, 182, 116), (204, 150, 88))
    for _ in range(5):
        x, y = canvas.somewhere(rng), rng.uniform(horizon + 0.08, canvas.bottom - 0.03)
        canvas.line([(x - 0.1, y), (x, y - 0.014), (x + 0.1, y)], (188, 136, 78))


def _mountains(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    rock, far = (112, 122, 146), (150, 160, 182)
    foot = horizon + 0.01
    first = rng.uniform(-0.05, 0.05)
    for x, high, wide, colour in (
        (first + 0.78, 0.30, 0.34, far),
        (first + 0.22, 0.36, 0.40, rock),
        (first + 1.06, 0.22, 0.26, rock),
    ):
        canvas.polygon([(x - wide, foot), (x, horizon - high), (x + wide, foot)], colour)
        snow = [(x - wide / 3, horizon - 2 * high / 3), (x, horizon - high)]
        snow += [(x + wide / 3, horizon - 2 * high / 3), (x + wide / 9, horizon - 0.72 * high)]
        canvas.polygon([*snow, (x - wide / 9, horizon - 0.62 * high)], (244, 248, 252))
    _ground(canvas, weather, horizon, (120, 150, 104), (92, 122, 84))
    for _ in range(6):
        x, y = canvas.somewhere(rng), rng.uniform(horizon + 0.08, canvas.bottom - 0.03)
        canvas.ellipse((x, y), (0.022, 0.012), (148, 152, 150))


def _city(canvas: Canvas, weather: str, horizon: float, rng: Random) -> None:
    x = canvas.left - rng.uniform(0.0, 0.06)
    while x < canvas.right:
        wide, high = rng.uniform(0.11, 0.16), rng.uniform(0.14, 0.40)
        tower = rng.choice(((134, 146, 164), (152, 162, 178), (118, 132, 152)))
        canvas.polygon(
            [(x, horizon), (x, horizon - high), (x + wide, horizon - high), (x + wide, horizon)],
            tower,
        )
        for floor in range(1, int(high / 0.06)):
            y = horizon - high + 0.055 * floor
            canvas.line([(x + 0.025, y), (x + wide - 0.025, y)], (232, 226, 190), 0.018)
        x += wide + 0.01
    _ground(canvas, weather, horizon, (168, 168, 174), (134, 136, 146))
    for x in (-0.36, 0.0, 0.36, 0.72, 1.08):  # beyond the picture's edges in a square
        canvas.line([(x + 0.06, 0.97), (x + 0.24, 0.97)], (232, 232, 226), 0.018)


_GROUNDS: dict[str, Callable[[Canvas, str, float, Random], None]] = {
    "by the sea": _sea,
    "at night": _night,
    "in the snow": _snow,
    "on the grass": _grass,
    "in the desert": _desert,
    "in the mountains": _mountains,
    "in the city": _city,
}
