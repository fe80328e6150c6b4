"""What the things of a scene look like, each in a box of its own.

A thing is drawn in box units: x runs from -0.5 (left) to 0.5 (right) around its middle, y from 0
(its foot) to 1 (its top).
"""

import math
from collections.abc import Callable
from random import Random

from scripts.demo_models.brush import Brush, Colour, Paint, Point

FLYING = ("balloon", "star")

BROWN = (121, 78, 45)
GLASS = (196, 226, 240)
TYRE = (38, 38, 42)
STALK = (54, 128, 52)


class Box:
    """Places box units on the canvas: ``foot`` is (x, y) of the middle of the lower edge."""

    def __init__(self, brush: Brush, foot: Point, span: float) -> None:
        self.brush = brush
        self.foot = foot
        self.span = span

    def at(self, x: float, y: float) -> Point:
        return self.foot[0] + x * self.span, self.foot[1] - y * self.span

    def polygon(self, points: list[Point], fill: Colour, edge: Colour | None = None) -> None:
        self.brush.polygon([self.at(*point) for point in points], fill, edge)

    def ellipse(
        self, centre: Point, radii: Point, fill: Colour, edge: Colour | None = None
    ) -> None:
        a, b = radii
        self.brush.ellipse(self.at(*centre), (a * self.span, b * self.span), fill, edge)

    def line(self, points: list[Point], fill: Colour, width: float = 0.03) -> None:
        self.brush.line([self.at(*point) for point in points], fill, width * self.span)

    def block(
        self,
        left: float,
        low: float,
        right: float,
        high: float,
        fill: Colour,
        edge: Colour | None = None,
    ) -> None:
        self.polygon([(left, low), (right, low), (right, high), (left, high)], fill, edge)


def draw(brush: Brush, kind: str, paint: Paint, foot: Point, span: float, rng: Random) -> None:
    """Draws a thing of one kind, ``span`` high and wide, with its foot at ``foot``."""
    if kind not in FLYING:
        shadow_of = brush.image.getpixel((round(brush.side * 0.5), brush.side - 1))
        red, green, blue = (round(0.72 * channel) for channel in shadow_of)  # type: ignore[union-attr]
        brush.ellipse(foot, (0.5 * span, 0.07 * span), (red, green, blue))
    _DRAWINGS[kind](Box(brush, foot, span), paint, rng)


def _house(box: Box, paint: Paint, rng: Random) -> None:
    box.block(-0.36, 0, 0.36, 0.55, paint.fill, paint.edge)
    if rng.random() < 0.5:
        box.block(0.16, 0.62, 0.28, 0.95, paint.shade, paint.edge)
    box.polygon([(-0.46, 0.54), (0.46, 0.54), (0, 0.98)], paint.shade, paint.edge)
    box.block(-0.09, 0, 0.09, 0.31, BROWN, paint.edge)
    for left in (-0.30, 0.14):
        box.block(left, 0.24, left + 0.16, 0.42, GLASS, paint.edge)


def _tree(box: Box, paint: Paint, rng: Random) -> None:
    box.block(-0.07, 0, 0.07, 0.45, BROWN)
    crown = [(-0.20, 0.52), (0.20, 0.52), (-0.12, 0.74), (0.12, 0.74), (0, 0.62)]
    for centre in crown:
        box.ellipse(centre, (0.27, 0.25), paint.edge)
    for centre in crown:
        box.ellipse(centre, (0.245, 0.225), paint.fill)
    box.ellipse((-0.10, 0.78), (0.11, 0.08), paint.light)


def _boat(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    box.block(-0.02, 0.25, 0.02, 0.98, BROWN)
    box.polygon(
        [(0.04 * side, 0.36), (0.40 * side, 0.36), (0.04 * side, 0.96)],
        (244, 240, 228),
        (120, 116, 106),
    )
    box.polygon(
        [(-0.05 * side, 0.36), (-0.30 * side, 0.36), (-0.05 * side, 0.80)],
        (228, 222, 206),
        (120, 116, 106),
    )
    box.polygon([(-0.48, 0.30), (0.48, 0.30), (0.32, 0.02), (-0.32, 0.02)], paint.fill, paint.edge)
    box.polygon([(-0.40, 0.15), (0.40, 0.15), (0.32, 0.02), (-0.32, 0.02)], paint.shade)


def _car(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    box.polygon(
        [(-0.30 * side, 0.36), (-0.20 * side, 0.60), (0.12 * side, 0.60), (0.28 * side, 0.36)],
        paint.fill,
        paint.edge,
    )
    box.polygon(
        [(-0.22 * side, 0.37), (-0.15 * side, 0.54), (-0.03 * side, 0.54), (-0.03 * side, 0.37)],
        GLASS,
    )
    box.polygon(
        [(0.02 * side, 0.37), (0.02 * side, 0.54), (0.10 * side, 0.54), (0.20 * side, 0.37)], GLASS
    )
    box.polygon(
        [(-0.50, 0.12), (0.50, 0.12), (0.50, 0.30), (0.44, 0.38), (-0.44, 0.38), (-0.50, 0.30)],
        paint.fill,
        paint.edge,
    )
    box.block(-0.48, 0.13, 0.48, 0.20, paint.shade)
    for x in (-0.28, 0.28):
        box.ellipse((x, 0.11), (0.12, 0.12), TYRE, (120, 120, 124))
        box.ellipse((x, 0.11), (0.05, 0.05), (190, 190, 194))


def _cat(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    tail = [(0.22 * side, 0.10), (0.42 * side, 0.16), (0.44 * side, 0.40), (0.36 * side, 0.50)]
    box.line(tail, paint.edge, 0.13)
    box.line(tail, paint.fill, 0.08)
    box.ellipse((0, 0.24), (0.27, 0.25), paint.fill, paint.edge)
    for x in (-1, 1):
        box.polygon([(0.26 * x, 0.62), (0.24 * x, 0.98), (0.04 * x, 0.78)], paint.fill, paint.edge)
    box.ellipse((0, 0.62), (0.28, 0.23), paint.fill, paint.edge)
    for eye in (-0.11, 0.11):
        box.ellipse((eye, 0.66), (0.055, 0.065), (250, 236, 120), (40, 40, 30))
        box.ellipse((eye, 0.66), (0.022, 0.05), (20, 20, 20))
    box.polygon([(-0.04, 0.57), (0.04, 0.57), (0, 0.52)], (240, 140, 150))
    box.ellipse((0, 0.22), (0.12, 0.15), paint.light)


def _flower(box: Box, paint: Paint, rng: Random) -> None:
    box.line([(0, 0), (0, 0.6)], STALK, 0.07)
    box.polygon([(0, 0.10), (-0.30, 0.30), (-0.06, 0.30)], STALK)
    box.polygon([(0, 0.06), (0.30, 0.24), (0.06, 0.26)], STALK)
    turn = rng.uniform(0, math.tau)
    petals = [turn + math.tau * petal / 6 for petal in range(6)]
    for radius, colour in ((0.165, paint.edge), (0.14, paint.fill)):
        for angle in petals:
            box.ellipse(
                (0.21 * math.cos(angle), 0.66 + 0.21 * math.sin(angle)), (radius, radius), colour
            )
    box.ellipse((0, 0.66), (0.12, 0.12), (250, 205, 60), (150, 100, 30))


def _balloon(box: Box, paint: Paint, rng: Random) -> None:
    sway = rng.uniform(-0.12, 0.12)
    box.line([(0, 0.30), (sway, 0.15), (-sway / 2, 0.0)], (110, 110, 116), 0.025)
    box.polygon([(-0.05, 0.27), (0.05, 0.27), (0, 0.34)], paint.shade, paint.edge)
    box.ellipse((0, 0.65), (0.29, 0.34), paint.fill, paint.edge)
    box.ellipse((-0.10, 0.78), (0.07, 0.10), paint.light)


def _star(box: Box, paint: Paint, rng: Random) -> None:
    turn = math.pi / 2 + rng.uniform(-0.15, 0.15)
    points: list[Point] = []
    for corner in range(10):
        radius, angle = (0.48, 0.21)[corner % 2], turn + math.tau * corner / 10
        points.append((radius * math.cos(angle), 0.5 + radius * math.sin(angle)))
    box.polygon(points, paint.fill, paint.edge)
    box.ellipse((0, 0.5), (0.10, 0.10), paint.light)


_DRAWINGS: dict[str, Callable[[Box, Paint, Random], None]] = {
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "car": _car,
    "cat": _cat,
    "flower": _flower,
    "balloon": _balloon,
    "star": _star,
}
