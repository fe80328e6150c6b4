"""The judge of a candidate: adopted only if there is room, its results are the same, and faster."""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

log = logging.getLogger(__name__)

PAIRS = 7
FASTER = 0.95  # of the plain time, over all sizes
NO_SLOWER = 1.02  # of the plain time, at each size


class NotNow(Exception):
    """The candidate cannot be turned on this time; the sentence's part says why."""


class Candidate(Protocol):
    """What may be faster. Turning off what is off does nothing."""

    @property
    def name(self) -> str: ...

    def turn_on(self) -> None:
        """Raises what torch raises if this device or build cannot do it."""

    def turn_off(self) -> None: ...


class Bench(Protocol):
    """A network with inputs for it; the same inputs each time."""

    @property
    def sizes(self) -> Sequence[int]:
        """Of the forwards that are timed, in rows or images."""

    def outputs(self) -> Sequence[Any]: ...

    def difference(self, expected: Sequence[Any], got: Sequence[Any]) -> str:
        """How ``got`` differs by more than is allowed, as a sentence's part; "" if it does not."""

    def seconds(self, size: int) -> float:
        """The time of one forward, from an idle device to an idle device."""

    def problem(self) -> str:
        """Why nothing can be tried now, such as a want of room; "" if it can."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` completes "adopted:" or "not adopted:" for people to read.

    ``for_now`` if another start may find otherwise, as with a want of room; ``slower`` if it is not
    adopted for its time alone, which other work may have lengthened.
    """

    name: str
    adopted: bool
    why: str
    for_now: bool = False
    slower: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {'' if self.adopted else 'not '}adopted, {self.why}"


def try_candidate(candidate: Candidate, bench: Bench) -> Verdict:
    """The candidate is on afterwards if it was adopted, and off if not."""
    if problem := bench.problem():
        return Verdict(candidate.name, False, problem, for_now=True)
    try:
        expected = bench.outputs()
        candidate.turn_on()
        verdict = _compare(candidate, bench, expected)
    except Exception as error:
        verdict = _failed(candidate, error)
    if not verdict.adopted:
        candidate.turn_off()
    return verdict


def _failed(candidate: Candidate, error: Exception) -> Verdict:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return Verdict(candidate.name, False, "it finds no room", for_now=True)
    if isinstance(error, NotNow):
        return Verdict(candidate.name, False, str(error), for_now=True)
    log.info("%s failed", candidate.name, exc_info=error)
    return Verdict(candidate.name, False, f"it fails here ({first_line(error)})")


def first_line(error: Exception) -> str:
    """What an error says, in few words."""
    return str(error).strip().partition("\n")[0][:120] or type(error).__name__


def _compare(candidate: Candidate, bench: Bench, expected: Sequence[Any]) -> Verdict:
    """On at its beginning and at its end."""
    if difference := bench.difference(expected, bench.outputs()):
        return Verdict(candidate.name, False, difference)
    ratios = {size: _ratio(candidate, bench, size) for size in bench.sizes}
    told = ", ".join(f"{ratio:.2f} of the time for {size}" for size, ratio in ratios.items())
    mean = statistics.fmean(ratios.values())
    adopted = mean < FASTER and max(ratios.values()) <= NO_SLOWER
    return Verdict(candidate.name, adopted, told, slower=not adopted)


def _ratio(candidate: Candidate, bench: Bench, size: int) -> float:
    """Of the time with the candidate to the time without: the median of alternating pairs."""
    bench.seconds(size)  # what is made at a size's first use is no part of its time
    pairs = [_pair(candidate, bench, size) for _ in range(PAIRS)]
    return statistics.median(fast / plain for fast, plain in pairs)


def _pair(candidate: Candidate, bench: Bench, size: int) -> tuple[float, float]:
    fast = bench.seconds(size)
    candidate.turn_off()
    try:
        plain = bench.seconds(size)
    finally:
        candidate.turn_on()
    return fast, plain


def timed(device: torch.device, call: Callable[[], object]) -> float:
    """Seconds from an idle device to an idle device."""
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        # The other model's work on the device is no part of this, and may be captured meanwhile.
        torch.cuda.current_stream(device).synchronize()
