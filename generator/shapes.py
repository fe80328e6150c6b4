"""The sizes that SDXL was trained on, at the scale of a checkpoint."""

from collections.abc import Iterable
from math import log
from typing import NamedTuple

SDXL_SIZE = 1024

# Width and height of the wide buckets that SDXL was trained on (Podell et al. 2023, appendix I),
# each as near to 1024 x 1024 pixels as multiples of 64 come. The tall ones are these turned round:
# the paper names 1344 and 704 in one order only, Stability AI's own demo in both.
WIDE_BUCKETS = (
    (1024, 1024),
    (1024, 960),
    (1088, 960),
    (1088, 896),
    (1152, 896),
    (1152, 832),
    (1216, 832),
    (1280, 768),
    (1344, 768),
    (1344, 704),
    (1408, 704),
    (1472, 704),
    (1536, 640),
    (1600, 640),
    (1664, 576),
    (1728, 576),
    (1792, 576),
    (1856, 512),
    (1920, 512),
    (1984, 512),
    (2048, 512),
)

# In longer sizes SDXL paints its subject twice, side by side or one above the other: training saw
# few of them. A longer picture gets the longest size that is left.
LONGEST_RATIO = 2

# The proportions that a word asks for: 3:2 is a camera's, and the middle of what is offered.
SHAPES = {"square": (1, 1), "tall": (2, 3), "wide": (3, 2)}


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int

    @property
    def log_ratio(self) -> float:
        """Zero for a square; of a size and its upright twin, one is minus the other."""
        return log(self.width / self.height)


def sizes_at(default_size: int, multiple: int) -> tuple[Size, ...]:
    """The trained sizes at the scale of a checkpoint, from the tallest to the widest.

    Sides are rounded to multiples of ``multiple``: where that is coarse, several sizes become one.
    """
    wide = [
        Size(*(_scaled(side, default_size, multiple) for side in bucket)) for bucket in WIDE_BUCKETS
    ]
    wide = [size for size in wide if size.width <= LONGEST_RATIO * size.height]
    both = {*wide, *(Size(size.height, size.width) for size in wide)}
    return tuple(sorted(both, key=lambda size: (size.log_ratio, size)))


def nearest(sizes: Iterable[Size], width: int, height: int) -> Size:
    """The size whose proportions are most like those of ``width`` by ``height``."""
    ratio = Size(width, height).log_ratio
    return min(sizes, key=lambda size: abs(size.log_ratio - ratio))


def _scaled(side: int, default_size: int, multiple: int) -> int:
    return round(side * default_size / SDXL_SIZE / multiple) * multiple
