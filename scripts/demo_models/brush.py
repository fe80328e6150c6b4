"""The brushes that scenes are drawn with, and their colours.

Everything is drawn four times too large, then made small, so that edges are smooth at any size.
Each kind of brush has units of its own; pixels are known here alone.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from PIL import Image, ImageChops, ImageDraw

OVERSAMPLING = 4

Colour = tuple[int, int, int]
Point = tuple[float, float]

PALETTE: dict[str, Colour] = {
    "red": (220, 44, 44),
    "orange": (250, 134, 10),
    "yellow": (255, 222, 56),
    "green": (44, 164, 70),
    "blue": (44, 104, 230),
    "purple": (146, 64, 196),
    "white": (252, 252, 252),
    "black": (32, 32, 38),
}


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Paint:
    """One thing's colours: its own, one in shadow, one in light, and its outline."""

    fill: Colour

    @property
    def shade(self) -> Colour:
        return mix(self.fill, (20, 16, 40), 0.26)

    @property
    def light(self) -> Colour:
        return mix(self.fill, (255, 255, 255), 0.18 if sum(self.fill) < 160 else 0.4)

    @property
    def edge(self) -> Colour:
        """The outline, dark round bright colours, light round black: it shows on any setting."""
        return (176, 176, 188) if sum(self.fill) < 160 else mix(self.fill, (24, 20, 40), 0.66)


class Brush:
    """Draws on an image; a subclass says where its units lie on it, and how long one is."""

    def __init__(self, image: Image.Image, unit: float, line_width: float) -> None:
        self.image = image
        self.unit = unit
        self.line_width = line_width
        self.draw = ImageDraw.Draw(image)

    def at(self, x: float, y: float) -> Point:
        """The pixel of a point in this brush's units."""
        raise NotImplementedError

    def polygon(self, points: list[Point], fill: Colour, edge: Colour | None = None) -> None:
        self.draw.polygon([self.at(*point) for point in points], fill)
        if edge is not None:
            self.line([*points, points[0], points[1]], edge)

    def ellipse(
        self, centre: Point, radii: Point, fill: Colour, edge: Colour | None = None
    ) -> None:
        x, y = self.at(*centre)
        a, b = radii[0] * self.unit, radii[1] * self.unit
        width = self._pixels(self.line_width) if edge else 0
        self.draw.ellipse([x - a, y - b, x + a, y + b], fill, edge, width)

    def line(self, points: list[Point], fill: Colour, width: float | None = None) -> None:
        """Draws through all points; ``width`` is in units."""
        pixels = [self.at(*point) for point in points]
        self.draw.line(pixels, fill, self._pixels(width or self.line_width), joint="curve")

    def _pixels(self, width: float) -> int:
        return max(1, round(width * self.unit))


class Canvas(Brush):
    """The whole picture in units of its middle square: 0 is left or top, 1 is right or bottom.

    ``left`` and ``top`` are where the picture itself begins, ``right`` and ``bottom`` where it
    ends: below 0 and above 1 if it is no square.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        side = min(width, height)
        self.left, self.top = (1 - width / side) / 2, (1 - height / side) / 2
        self.right, self.bottom = 1 - self.left, 1 - self.top
        image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING))
        super().__init__(image, side * OVERSAMPLING, 0.01)

    def at(self, x: float, y: float) -> Point:
        return (x - self.left) * self.unit, (y - self.top) * self.unit

    def somewhere(self, rng: Random) -> float:
        """An x at random, from the left to the right."""
        return rng.uniform(self.left, self.right)

    def somehow_high(self, rng: Random) -> float:
        """A y at random, from the top to the bottom."""
        return rng.uniform(self.top, self.bottom)

    def gradient(self, top: float, bottom: float, first: Colour, last: Colour) -> None:
        """Draws a band of sky, sea or ground across the whole picture."""
        start, stop = (round(self.at(0, edge)[1]) for edge in (top, bottom))
        rows = max(1, stop - start)
        column = Image.new("RGB", (1, rows))
        column.putdata([mix(first, last, row / max(1, rows - 1)) for row in range(rows)])
        self.image.paste(
            column.resize((self.image.width, rows), Image.Resampling.NEAREST), (0, start)
        )

    def darken(self, centre: Point, radii: Point, share: float) -> None:
        """Draws a shadow: an ellipse that takes ``share`` of the light, less at its rim."""
        x, y = self.at(*centre)
        for grown in (1.0, 0.72):
            a, b = radii[0] * grown * self.unit, radii[1] * grown * self.unit
            box = (round(x - a), round(y - b), round(x + a), round(y + b))
            mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
            ImageDraw.Draw(mask).ellipse((0, 0, *mask.size), round(255 * share / 2))
            self.image.paste((16, 16, 40), box, mask)

    def finished(self) -> Image.Image:
        return self.image.resize(self.size, Image.Resampling.BOX)


class Box(Brush):
    """One thing's own layer, in units of the thing's size.

    x runs from -0.5 (left) to 0.5 (right) around its middle, y from 0 (its foot) to 1 (its top).
    """

    MARGIN = 0.15

    def __init__(self, canvas: Canvas, span: float) -> None:
        self.canvas = canvas
        unit = span * canvas.unit
        side = round((1 + 2 * self.MARGIN) * unit)
        # No outline is thicker than the canvas's lines, or too thick for a small thing.
        super().__init__(Image.new("RGBA", (side, side)), unit, min(0.03, canvas.line_width / span))

    def at(self, x: float, y: float) -> Point:
        return (x + 0.5 + self.MARGIN) * self.unit, (1 - y + self.MARGIN) * self.unit

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

    def put(self, foot: Point) -> None:
        """Puts the thing on the canvas, lit from the upper left, with (0, 0) at ``foot``."""
        x, y = self.canvas.at(*foot)
        corner = self.at(0, 0)
        light = _light().resize(self.image.size, Image.Resampling.BILINEAR)
        lit = ImageChops.multiply(self.image.convert("RGB"), Image.merge("RGB", [light] * 3))
        self.canvas.image.paste(
            lit, (round(x - corner[0]), round(y - corner[1])), self.image.getchannel("A")
        )


@cache
def _light() -> Image.Image:
    """Light from 255 at the upper left to 190 at the lower right."""
    side = 16
    way = [(x + 2 * y) / (3 * side - 3) for y in range(side) for x in range(side)]
    light = Image.new("L", (side, side))
    light.putdata([255 - round(65 * share) for share in way])
    return light
