"""The brush that scenes are drawn with, and its colours.

Everything is drawn in units of the picture's side (0 is left or top, 1 is right or bottom) on a
canvas four times too large, then made small, so that edges are smooth at any size.
"""

from dataclasses import dataclass

from PIL import Image, ImageDraw

OVERSAMPLING = 4

Colour = tuple[int, int, int]
Point = tuple[float, float]

PALETTE: dict[str, Colour] = {
    "red": (214, 40, 40),
    "orange": (247, 127, 0),
    "yellow": (252, 220, 50),
    "green": (46, 160, 67),
    "blue": (40, 100, 225),
    "purple": (142, 60, 190),
    "white": (250, 250, 250),
    "black": (26, 26, 30),
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
        return mix(self.fill, (0, 0, 0), 0.28)

    @property
    def light(self) -> Colour:
        return mix(self.fill, (255, 255, 255), 0.35)

    @property
    def edge(self) -> Colour:
        """Dark round bright colours, light round black: nothing is lost on its setting."""
        return (168, 168, 176) if sum(self.fill) < 160 else mix(self.fill, (20, 20, 30), 0.72)


class Brush:
    """Draws on an oversampled square canvas in units of its side."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.side = size * OVERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.image)

    def _pixels(self, points: list[Point]) -> list[Point]:
        return [(x * self.side, y * self.side) for x, y in points]

    def _line_width(self, width: float) -> int:
        return max(1, round(width * self.side))

    def polygon(self, points: list[Point], fill: Colour, edge: Colour | None = None) -> None:
        self.draw.polygon(self._pixels(points), fill)
        if edge is not None:
            self.line([*points, points[0]], edge)

    def ellipse(
        self, centre: Point, radii: Point, fill: Colour, edge: Colour | None = None
    ) -> None:
        (x, y), (a, b) = centre, radii
        corners = self._pixels([(x - a, y - b), (x + a, y + b)])
        box = [*corners[0], *corners[1]]
        self.draw.ellipse(box, fill, edge, self._line_width(0.012) if edge else 0)

    def line(self, points: list[Point], fill: Colour, width: float = 0.012) -> None:
        self.draw.line(self._pixels(points), fill, self._line_width(width), joint="curve")

    def gradient(self, top: float, bottom: float, first: Colour, last: Colour) -> None:
        """A band of sky, sea or ground across the whole picture."""
        start, stop = round(top * self.side), round(bottom * self.side)
        for row in range(start, stop):
            share = (row - start) / max(1, stop - start - 1)
            self.draw.line([(0, row), (self.side, row)], mix(first, last, share))

    def finished(self) -> Image.Image:
        return self.image.resize((self.size, self.size), Image.Resampling.BOX)
