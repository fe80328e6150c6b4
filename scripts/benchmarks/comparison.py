"""Measures several ways of doing the same work side by side, and says how ours compares."""

import operator
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

Way = TypeVar("Way", bound=Hashable)
Result = TypeVar("Result")

BOUNDS = {
    "at most": operator.le,
    "under": operator.lt,
    "at least": operator.ge,
    "over": operator.gt,
}


def interleave(
    ways: Mapping[Way, Callable[[], Result]], repeat: int, warms_up: bool
) -> dict[Way, list[Result]]:
    """Runs each way once in every repetition, and begins each repetition with another way.

    If something slows the machine for a while, it then slows all ways alike.
    """
    names = list(ways)
    for name in names if warms_up else ():
        ways[name]()
    results: dict[Way, list[Result]] = {name: [] for name in names}
    for repetition in range(repeat):
        for place in range(len(names)):
            name = names[(repetition + place) % len(names)]
            results[name].append(ways[name]())
    return results


def in_own_thread(work: Callable[[], Result]) -> Result:
    """Runs ``work`` in a thread that then ends, so that nothing of it slows the next way.

    On a CPU each thread that calls torch has helper threads until it ends. If there are more of
    them than cores, they sleep while they wait for work, and a small model takes twice as long.
    """
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one quantity. Formats as ``median (smallest to largest)``.

    Half of them lie between the ``quartiles``.
    """

    median: float
    smallest: float
    largest: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        values = list(values)
        first, median, third = values[:1] * 3
        if len(values) > 1:
            first, median, third = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, min(values), max(values), (first, third))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.smallest:{spec}} to {self.largest:{spec}})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity. ``what`` names it and its unit.

    ``values`` are by way, then by repetition. The last way is ours.
    """

    what: str
    values: Mapping[str, Sequence[float]]

    @classmethod
    def of(
        cls,
        what: str,
        results: Mapping[str, Sequence[Result]],
        measured: Callable[[Result], float],
    ) -> "Figure":
        return cls(what, {way: [measured(each) for each in all_] for way, all_ in results.items()})

    def spreads(self, way: str) -> dict[str, Spread]:
        """The spreads of ``way``; for a way that is not ours, also how ours compares.

        The ratio and the difference are taken within each repetition.
        """
        measured = {"measured": Spread.of(self.values[way])}
        *_, ours = self.values
        if way == ours:
            return measured
        pairs = list(zip(self.values[ours], self.values[way], strict=True))
        return {
            **measured,
            "ratio": Spread.of(mine / other for mine, other in pairs),
            "difference": Spread.of(mine - other for mine, other in pairs),
        }


@dataclass(frozen=True, slots=True)
class Target:
    """A promise that is kept if the median of ``measured`` is within ``limit``.

    ``bound`` is one of ``BOUNDS``.
    """

    what: str
    measured: Spread
    bound: str
    limit: float

    @property
    def promised(self) -> str:
        return f"{self.what}, {self.bound} {self.limit:g}"

    @property
    def is_met(self) -> bool:
        return bool(BOUNDS[self.bound](self.measured.median, self.limit))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One piece of work, done in several ways in one run.

    ``note`` is what a reader must know of the figures. ``details`` are for the JSON alone.
    """

    title: str
    figures: Sequence[Figure]
    note: str = ""
    targets: Sequence[Target] = ()
    details: Mapping[str, object] = field(default_factory=dict)
