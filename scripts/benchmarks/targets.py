"""What was promised of the figures, and whether it was kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.benchmarks.engine_benchmark import ONE_BY_ONE, ONE_CALL, AtOnce
from scripts.benchmarks.http_benchmark import Web
from scripts.benchmarks.repetition import Spread

MAX_LATENCY_OF_ONE = 1.05
MIN_THROUGHPUT_OF_EIGHT = 0.9
MIN_GAIN_OF_EIGHT = 2.0
MAX_WEB_MILLISECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Target:
    """``promised`` reads as a sentence; it is kept when the median of ``measured`` is."""

    promised: str
    measured: Spread
    is_met: bool

    @property
    def verdict(self) -> str:
        return "met" if self.is_met else "MISSED"


def targets(engine: Sequence[AtOnce], web: Sequence[Web]) -> list[Target]:
    """Those that something was measured for."""
    return [*_engine_targets(engine), *_web_targets(web)]


def _engine_targets(engine: Sequence[AtOnce]) -> Iterator[Target]:
    for at_once in engine:
        if at_once.requests == 1:
            taken = at_once.ratios(ONE_BY_ONE)["mean latency"]
            yield Target(
                f"one request: engine / pipeline, latency, at most {MAX_LATENCY_OF_ONE:g}",
                taken,
                taken.median <= MAX_LATENCY_OF_ONE,
            )
        if at_once.requests == 8:
            gained = at_once.ratios(ONE_CALL)["images/s"]
            yield Target(
                "eight at once: engine / one pipeline call, images/s,"
                f" at least {MIN_THROUGHPUT_OF_EIGHT:g}",
                gained,
                gained.median >= MIN_THROUGHPUT_OF_EIGHT,
            )
            gained = at_once.ratios(ONE_BY_ONE)["images/s"]
            yield Target(
                "eight at once: engine / eight pipeline calls, images/s,"
                f" over {MIN_GAIN_OF_EIGHT:g}",
                gained,
                gained.median > MIN_GAIN_OF_EIGHT,
            )


def _web_targets(web: Sequence[Web]) -> Iterator[Target]:
    for route in web:
        added = route.adds_milliseconds
        yield Target(
            f"{route.route}: the web adds, ms, under {MAX_WEB_MILLISECONDS:g}",
            added,
            added.median < MAX_WEB_MILLISECONDS,
        )
