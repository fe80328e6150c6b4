"""What one H200 should do at 1024x1024, with guidance and half precision: judged there alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks.comparison import Spread, Target
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.runner import Outcome

CARD = "H200"
BY_FAST_PATH = ", by the fast path"


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The median of a finding of a part, within ``limit``; ``bound`` is one of ``BOUNDS``."""

    part: str
    what: str
    bound: str
    limit: float


YARDSTICKS = (
    Yardstick("speed", "30 steps, request to PNG", "under", 0.95),
    Yardstick("speed", "50 steps, request to PNG", "under", 1.55),
    Yardstick("speed", "20 steps, saturated", "at least", 2.2),
    Yardstick("fast_path", f"30 steps, request to PNG{BY_FAST_PATH}", "under", 0.95),
    Yardstick("fast_path", f"50 steps, request to PNG{BY_FAST_PATH}", "under", 1.55),
    Yardstick("fast_path", f"20 steps, saturated{BY_FAST_PATH}", "at least", 2.2),
    Yardstick("captions", "1 of 20 tokens: engine, submitted apart", "under", 8),
    Yardstick("web", "The web: GET /generate-image adds", "under", 15),
)


def judged(outcomes: Sequence[Outcome]) -> Iterator[Target]:
    """Those that were measured; none on another card, or with other than the full weights."""
    by_part = {outcome.part: outcome for outcome in outcomes}
    if not is_for(by_part):
        return
    for each in YARDSTICKS:
        outcome = by_part.get(each.part)
        finding = outcome.found(each.what) if outcome else None
        if finding is not None:
            what = f"{each.what}, {finding.unit}"
            yield Target(what, spread(finding), each.bound, each.limit)


def is_for(by_part: Mapping[str, Outcome]) -> bool:
    facts = by_part.get("facts")
    card, size = (facts.found(what) if facts else None for what in ("card", "size of the models"))
    return (
        card is not None and CARD in str(card.value) and size is not None and size.value == "full"
    )


def spread(finding: Finding) -> Spread:
    value = finding.value
    assert not isinstance(value, str)
    return Spread.of([value] if isinstance(value, int | float) else value)
