"""The same work in two ways, in one run: with the plain library, and with ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmarks.repetition import Spread, ratio
from scripts.benchmarks.table import table


@dataclass(frozen=True, slots=True)
class Both:
    """``what`` names the unit; ``plain`` and ``ours`` are by repetition."""

    what: str
    plain: Sequence[float]
    ours: Sequence[float]

    @property
    def spreads(self) -> tuple[Spread, Spread, Spread]:
        """Of the plain library, of ours, and of ours over the plain library's."""
        return Spread.of(self.plain), Spread.of(self.ours), ratio(self.ours, self.plain)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``plain`` and ``ours`` name the ways; ``note`` says what a reader has to know of the rows."""

    title: str
    plain: str
    ours: str
    rows: Sequence[Both]
    note: str

    @property
    def names(self) -> tuple[str, str, str]:
        return self.plain, self.ours, "ratio"

    @property
    def figures(self) -> dict[str, dict[str, Spread]]:
        """By row, then by name."""
        return {row.what: dict(zip(self.names, row.spreads, strict=True)) for row in self.rows}

    @property
    def sections(self) -> list[str]:
        """Heading, table and note, in Markdown."""
        rows = [(row.what, *(f"{one:.3f}" for one in row.spreads)) for row in self.rows]
        return [f"## {self.title}", table(("what", *self.names), rows), self.note]
