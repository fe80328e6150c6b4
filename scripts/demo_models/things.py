"""Draws the things of a scene, each in a box of its own."""

import math
from collections.abc import Callable
from random import Random

from scripts.demo_models.brush import Box, Canvas, Paint, Point
from scripts.demo_models.scenes import FLYING

BROWN = (124, 80, 48)
GLASS = (190, 226, 244)
TYRE = (40, 40, 46)
STALK = (52, 132, 56)
CREAM = (248, 240, 220)
CANVAS = (250, 246, 234)
HEM = (140, 132, 120)


def draw(canvas: Canvas, kind: str, paint: Paint, foot: Point, span: float, rng: Random) -> None:
    """Draws a thing of one kind, ``span`` high and wide, with its foot at ``foot``."""
    if kind not in FLYING:
        canvas.darken(foot, (0.52 * span, 0.085 * span), 0.5)
    box = Box(canvas, span)
    _DRAWINGS[kind](box, paint, rng)
    box.put(foot)


def _house(box: Box, paint: Paint, rng: Random) -> None:
    if rng.random() < 0.5:
        x = rng.choice((-0.30, 0.18))
        box.block(x, 0.60, x + 0.13, 0.98, paint.shade, paint.edge)
    box.block(-0.37, 0, 0.37, 0.54, paint.fill, paint.edge)
    box.polygon([(-0.49, 0.52), (0.49, 0.52), (0, 0.98)], paint.shade, paint.edge)
    box.block(-0.10, 0, 0.10, 0.33, BROWN, paint.edge)
    box.ellipse((0.05, 0.16), (0.02, 0.02), (240, 210, 90))
    for left in (-0.31, 0.15):
        box.block(left, 0.20, left + 0.16, 0.40, GLASS, paint.edge)
    box.ellipse((0, 0.69), (0.075, 0.075), GLASS, paint.edge)


def _tree(box: Box, paint: Paint, rng: Random) -> None:
    box.polygon([(-0.09, 0), (0.09, 0), (0.05, 0.45), (-0.05, 0.45)], BROWN)
    lean = rng.uniform(-0.03, 0.03)
    crown = [(-0.22, 0.52), (0.22, 0.52), (-0.13 + lean, 0.74), (0.13 + lean, 0.74), (0, 0.60)]
    for grown, colour in ((0.025, paint.edge), (0.0, paint.fill)):
        for centre in crown:
            box.ellipse(centre, (0.235 + grown, 0.215 + grown), colour)
    box.ellipse((-0.12 + lean, 0.79), (0.12, 0.085), paint.light)
    for _ in range(4):
        x, y = rng.uniform(-0.28, 0.28), rng.uniform(0.42, 0.62)
        box.ellipse((x, y), (0.055, 0.03), paint.shade)


def _boat(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    box.block(-0.02, 0.25, 0.02, 0.98, BROWN)
    box.polygon([(0.05 * side, 0.36), (0.42 * side, 0.36), (0.05 * side, 0.96)], CANVAS, HEM)
    box.polygon([(-0.06 * side, 0.36), (-0.32 * side, 0.36), (-0.06 * side, 0.82)], CREAM, HEM)
    box.polygon([(-0.5, 0.31), (0.5, 0.31), (0.33, 0.0), (-0.33, 0.0)], paint.fill, paint.edge)
    box.polygon([(-0.40, 0.13), (0.40, 0.13), (0.33, 0.01), (-0.33, 0.01)], paint.shade)


def _car(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    cabin = [(-0.33, 0.38), (-0.22, 0.66), (0.12, 0.66), (0.29, 0.38)]
    windows = (
        [(-0.25, 0.40), (-0.17, 0.60), (-0.05, 0.60), (-0.05, 0.40)],
        [(0.01, 0.40), (0.01, 0.60), (0.09, 0.60), (0.20, 0.40)],
    )
    box.polygon([(x * side, y) for x, y in cabin], paint.fill, paint.edge)
    for window in windows:
        box.polygon([(x * side, y) for x, y in window], GLASS, paint.edge)
    body = [(-0.5, 0.12), (0.5, 0.12), (0.5, 0.30), (0.42, 0.41), (-0.42, 0.41), (-0.5, 0.32)]
    box.polygon([(x * side, y) for x, y in body], paint.fill, paint.edge)
    box.block(-0.47, 0.14, 0.47, 0.21, paint.shade)
    box.ellipse((0.46 * side, 0.30), (0.03, 0.04), (255, 240, 170))
    for x in (-0.28, 0.28):
        box.ellipse((x, 0.13), (0.135, 0.135), TYRE, (130, 130, 136))
        box.ellipse((x, 0.13), (0.06, 0.06), (200, 200, 206))


def _cat(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    tail = [(0.20 * side, 0.10), (0.40 * side, 0.12), (0.46 * side, 0.32), (0.38 * side, 0.48)]
    box.line(tail, paint.edge, 0.14)
    box.line(tail, paint.fill, 0.09)
    box.ellipse((0, 0.25), (0.27, 0.25), paint.fill, paint.edge)
    box.ellipse((0, 0.22), (0.14, 0.17), paint.light)
    for x in (-1, 1):
        box.polygon([(0.28 * x, 0.64), (0.26 * x, 0.99), (0.04 * x, 0.80)], paint.fill, paint.edge)
        box.polygon([(0.23 * x, 0.74), (0.22 * x, 0.90), (0.12 * x, 0.80)], (244, 160, 170))
    box.ellipse((0, 0.62), (0.31, 0.24), paint.fill, paint.edge)
    for eye in (-0.12, 0.12):
        box.ellipse((eye, 0.66), (0.06, 0.07), (236, 240, 130), (40, 40, 36))
        box.ellipse((eye, 0.66), (0.024, 0.06), (20, 20, 20))
    box.polygon([(-0.045, 0.57), (0.045, 0.57), (0, 0.51)], (240, 130, 146))


def _flower(box: Box, paint: Paint, rng: Random) -> None:
    box.line([(0, 0), (rng.uniform(-0.04, 0.04), 0.3), (0, 0.6)], STALK, 0.07)
    box.polygon([(0, 0.08), (-0.32, 0.30), (-0.07, 0.31)], STALK, (34, 92, 40))
    box.polygon([(0, 0.04), (0.32, 0.24), (0.07, 0.27)], STALK, (34, 92, 40))
    turn = rng.uniform(0, math.tau)
    petals = [turn + math.tau * petal / 6 for petal in range(6)]
    for radius, colour in ((0.165, paint.edge), (0.14, paint.fill)):
        for angle in petals:
            centre = (0.22 * math.cos(angle), 0.64 + 0.22 * math.sin(angle))
            box.ellipse(centre, (radius, radius), colour)
    box.ellipse((0, 0.64), (0.13, 0.13), (250, 206, 70), (150, 100, 30))


def _mushroom(box: Box, paint: Paint, rng: Random) -> None:
    box.polygon([(-0.15, 0), (0.15, 0), (0.11, 0.46), (-0.11, 0.46)], CREAM, HEM)
    dome = _arc((0, 0.42), (0.48, 0.5), 0, 180)
    box.polygon(dome, paint.fill, paint.edge)
    box.polygon(_arc((0, 0.43), (0.44, 0.11), 180, 360), paint.shade, paint.edge)
    spot = (250, 250, 244) if paint.fill != (252, 252, 252) else (236, 150, 150)
    shift = rng.uniform(-0.05, 0.05)
    for x, y, radius in ((-0.25, 0.58, 0.07), (0.02, 0.75, 0.085), (0.26, 0.57, 0.065)):
        box.ellipse((x + shift, y), (radius, radius * 0.85), spot)


def _duck(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    beak = (250, 150, 40) if paint.fill != (250, 134, 10) else (255, 226, 90)
    body = [(-0.5, 0.46), (-0.36, 0.36), (0.0, 0.36), (0.20, 0.40), (0.40, 0.30), (0.36, 0.12)]
    body += [(0.20, 0.01), (-0.20, 0.01), (-0.38, 0.12)]
    box.polygon([(x * side, y) for x, y in body], paint.fill, paint.edge)
    box.polygon([(0.36 * side, 0.72), (0.36 * side, 0.58), (0.56 * side, 0.61)], beak, paint.edge)
    box.ellipse((0.18 * side, 0.68), (0.23, 0.22), paint.fill, paint.edge)
    box.ellipse((0.18 * side, 0.45), (0.15, 0.10), paint.fill)
    wing = [(-0.30, 0.30), (0.10, 0.32), (0.06, 0.16), (-0.12, 0.11)]
    box.polygon([(x * side, y) for x, y in wing], paint.shade, paint.edge)
    box.ellipse((0.25 * side, 0.74), (0.045, 0.05), (250, 250, 250), (30, 30, 34))
    box.ellipse((0.26 * side, 0.74), (0.022, 0.028), (20, 20, 24))


def _balloon(box: Box, paint: Paint, rng: Random) -> None:
    sway = rng.uniform(-0.12, 0.12)
    box.line([(0, 0.32), (sway, 0.16), (-sway / 2, 0.0)], (120, 120, 128), 0.025)
    box.polygon([(-0.055, 0.24), (0.055, 0.24), (0, 0.33)], paint.shade, paint.edge)
    box.ellipse((0, 0.65), (0.30, 0.35), paint.fill, paint.edge)
    box.ellipse((-0.11, 0.79), (0.07, 0.10), paint.light)


def _star(box: Box, paint: Paint, rng: Random) -> None:
    turn = math.pi / 2 + rng.uniform(-0.15, 0.15)
    points: list[Point] = []
    for corner in range(10):
        radius, angle = (0.5, 0.23)[corner % 2], turn + math.tau * corner / 10
        points.append((radius * math.cos(angle), 0.5 + radius * math.sin(angle)))
    box.polygon(points, paint.fill, paint.edge)
    box.ellipse((0, 0.5), (0.11, 0.11), paint.light)


def _kite(box: Box, paint: Paint, rng: Random) -> None:
    side = rng.choice((-1, 1))
    top, bottom = (0.14 * side, 1.0), (-0.12 * side, 0.22)
    left, right = (-0.34 * side, 0.72), (0.38 * side, 0.62)
    tail = [bottom, (-0.22 * side, 0.14), (-0.10 * side, 0.07), (-0.24 * side, 0.0)]
    box.line(tail, (120, 120, 128), 0.025)
    for x, y in tail[1:]:
        bow = [(x - 0.06, y + 0.045), (x - 0.06, y - 0.045), (x + 0.06, y + 0.045)]
        box.polygon([*bow, (x + 0.06, y - 0.045)], paint.fill)
    box.polygon([top, right, bottom, left], paint.fill, paint.edge)
    box.polygon([right, bottom, (0.015 * side, 0.67)], paint.shade)
    box.polygon([top, left, (0.015 * side, 0.67)], paint.light)
    box.line([top, bottom], paint.edge)
    box.line([left, right], paint.edge)


def _butterfly(box: Box, paint: Paint, rng: Random) -> None:
    tilt = rng.uniform(0.9, 1.0)
    for x in (-1, 1):
        wide = x * tilt
        box.ellipse((0.20 * wide, 0.30), (0.18, 0.17), paint.shade, paint.edge)
        upper = [(0.03 * x, 0.46), (0.20 * wide, 0.82), (0.44 * wide, 0.86), (0.48 * wide, 0.60)]
        box.polygon([*upper, (0.30 * wide, 0.42)], paint.fill, paint.edge)
        box.ellipse((0.34 * wide, 0.68), (0.075, 0.085), paint.light)
        box.line([(0, 0.66), (0.07 * x, 0.84), (0.13 * x, 0.90)], (60, 50, 50), 0.025)
    box.ellipse((0, 0.46), (0.05, 0.26), (64, 54, 52), (150, 140, 140))


def _arc(centre: Point, radii: Point, start: int, stop: int) -> list[Point]:
    """Points on an ellipse from one angle to another, in degrees."""
    return [
        (
            centre[0] + radii[0] * math.cos(math.radians(angle)),
            centre[1] + radii[1] * math.sin(math.radians(angle)),
        )
        for angle in range(start, stop + 1, 6)
    ]


_DRAWINGS: dict[str, Callable[[Box, Paint, Random], None]] = {
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "car": _car,
    "cat": _cat,
    "flower": _flower,
    "mushroom": _mushroom,
    "duck": _duck,
    "balloon": _balloon,
    "star": _star,
    "kite": _kite,
    "butterfly": _butterfly,
}
