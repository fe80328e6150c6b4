"""Variants side by side, again and again, and what so many measurements say."""

import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image, ImageChops

Name = TypeVar("Name", bound=Hashable)
Result = TypeVar("Result")


def interleave(
    variants: Mapping[Name, Callable[[], Result]], repeat: int, warms_up: bool
) -> dict[Name, list[Result]]:
    """Runs each variant once in every repetition, in turn with another one first.

    What slows the machine for a while then slows all variants alike.
    """
    names = list(variants)
    for name in names if warms_up else ():
        variants[name]()
    results: dict[Name, list[Result]] = {name: [] for name in names}
    for repetition in range(repeat):
        for place in range(len(names)):
            name = names[(repetition + place) % len(names)]
            results[name].append(variants[name]())
    return results


def in_own_thread(work: Callable[[], Result]) -> Result:
    """For all that computes, so that nothing of it is left when the next variant's turn comes.

    On a CPU each thread that calls torch has helpers until it ends. Where there are more of them
    than cores they wait for work asleep and not awake, and a small model takes twice as long.
    """
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing. Formats as ``median (smallest to largest)``."""

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.smallest:{spec}} to {self.largest:{spec}})"


def ratio(above: Iterable[float], below: Iterable[float]) -> Spread:
    """Repetition by repetition."""
    return Spread.of(one / other for one, other in zip(above, below, strict=True))


def difference(longer: Iterable[float], shorter: Iterable[float]) -> Spread:
    """Repetition by repetition."""
    return Spread.of(one - other for one, other in zip(longer, shorter, strict=True))


def pixel_difference(images: Iterable[Image.Image], others: Iterable[Image.Image]) -> int:
    """The largest between two images in the same place, of 255."""
    differences = (
        ImageChops.difference(image, other) for image, other in zip(images, others, strict=True)
    )
    return max(max(each.tobytes()) for each in differences)
