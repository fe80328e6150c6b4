"""One fact or measurement of a report."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.comparison import Comparison, Spread


@dataclass(frozen=True, slots=True)
class Finding:
    """``value`` is a fact, or what was measured in ``unit``: once, or in each repetition.

    ``planned`` is what the server reckons with in its place, in the same unit.
    """

    what: str
    value: str | bool | float | Sequence[float]
    unit: str = ""
    planned: float | None = None

    @property
    def shown(self) -> str:
        """For people: a number's median (smallest to largest) if there are several."""
        if isinstance(self.value, str | bool):
            return str(self.value)
        if isinstance(self.value, int | float):
            return number(self.value)
        spread = Spread.of(self.value)
        if len(self.value) == 1:
            return number(spread.median)
        return f"{number(spread.median)} ({number(spread.smallest)} to {number(spread.largest)})"


def number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def finite(value: float) -> float | str:
    """The number, or words for what JSON has no number for."""
    return value if math.isfinite(value) else "not finite"


def megabytes(what: str, count: float, planned: float | None = None) -> Finding:
    """Of numbers of bytes; decimal units."""
    return Finding(what, count / 1e6, "MB", None if planned is None else planned / 1e6)


def findings_of(comparison: Comparison, quantities: Sequence[str]) -> Iterator[Finding]:
    """These quantities of each way, their ratio of ours to each other way, and the note."""
    for figure in (each for each in comparison.figures if each.what in quantities):
        *others, ours = figure.values
        for way in (*others, ours):
            yield Finding(f"{comparison.title}: {figure.what}: {way}", figure.values[way])
        for way in others:
            pairs = zip(figure.values[ours], figure.values[way], strict=True)
            ratios = [mine / other for mine, other in pairs]
            yield Finding(f"{comparison.title}: {figure.what}: {ours} / {way}", ratios)
    if comparison.note:
        yield Finding(comparison.title, comparison.note)
