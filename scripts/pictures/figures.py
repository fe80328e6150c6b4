"""A table of what came of the rounds, and its place in a document."""

from collections.abc import Sequence

from scripts.benchmarks.table import table
from scripts.pictures.rounds import ACCEPTED, FULL, REFUSED, Round

BEGIN, END = "<!-- rounds -->\n", "<!-- end of rounds -->\n"
HEADS = ("round", "303", "400", "429", "others", "slowest", "memory after it")


def to_markdown(held_before: int, rounds: Sequence[Round]) -> str:
    before = ("before", "", "", "", "", "", f"{held_before / 1e6:.0f} MB")
    rows = [before, *(_row(number, each) for number, each in enumerate(rounds, 1))]
    return table(HEADS, rows)


def _row(number: int, each: Round) -> tuple[str, ...]:
    counts = [each.count(ACCEPTED), each.count(REFUSED), each.count(FULL), len(each.others)]
    slowest = f"{each.slowest.seconds:.1f} s ({each.slowest.name})"
    return str(number), *map(str, counts), slowest, f"{each.held_bytes / 1e6:.0f} MB"


def with_figures(text: str, figures: str) -> str:
    """The document, with these in place of what was measured before."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{figures}\n\n{END}{rest.partition(END)[2]}"
