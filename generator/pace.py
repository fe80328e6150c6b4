"""Measures how long the engine's turns take, and so when one of its images should be done."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from generator.request import GenerationRequest

# The share of the newest turn: sizes and batches change, and one slow turn is no trend.
NEWEST_SHARE = 0.2
# Until a turn was measured. Models that load take about a minute; asking earlier costs nothing.
UNKNOWN_SECONDS = 10
# No client plans further ahead, and a plan of an hour is wrong by then.
MOST_SECONDS = 3600

# A size, whose images may share turns, and the steps that one image has left.
Ahead = tuple[tuple[int, int], int]


class InFlight(Protocol):
    """One image that has begun."""

    request: GenerationRequest
    step_index: int

    @property
    def num_steps(self) -> int: ...


@dataclass
class Pace:
    """A turn moves one batch by one step: samples that do not fit wait for another turn.

    The time for admitting and decoding counts in the turn that it was measured with.
    """

    seconds_a_turn: float | None = None

    def took(self, seconds: float) -> None:
        """Takes note of one turn."""
        before = seconds if self.seconds_a_turn is None else self.seconds_a_turn
        self.seconds_a_turn = before + NEWEST_SHARE * (seconds - before)

    def seconds_until_done(
        self, line: Sequence[Ahead], steps_left: int | None, samples_a_turn: int
    ) -> int | None:
        """For one of ``line`` that has ``steps_left``; with None, for the last of the line."""
        if self.seconds_a_turn is None:
            return None
        if steps_left is None:
            turns = turns_until_all_end(line, samples_a_turn)
        else:
            turns = turns_in_a_round(line, samples_a_turn) * steps_left
        return min(max(1, math.ceil(self.seconds_a_turn * turns)), MOST_SECONDS)

    def seconds_until_one_ends(self, in_flight: Sequence[Ahead], samples_a_turn: int) -> int:
        """Whole seconds, at least 1. At least one image is in flight."""
        if self.seconds_a_turn is None:
            return UNKNOWN_SECONDS
        seconds = self.seconds_a_turn * turns_until_one_ends(in_flight, samples_a_turn)
        return min(max(1, math.ceil(seconds)), MOST_SECONDS)


@dataclass(frozen=True, slots=True)
class Outlook:
    """``before``: jobs that begin earlier. ``seconds`` until the end; None if none was measured."""

    before: int
    seconds: int | None


def turns_until_one_ends(in_flight: Sequence[Ahead], samples_a_turn: int) -> int:
    """All take their turns in a round, so the one with the fewest steps left ends first."""
    return turns_in_a_round(in_flight, samples_a_turn) * min(steps for _, steps in in_flight)


def turns_until_all_end(line: Sequence[Ahead], samples_a_turn: int) -> int:
    """As many at once as may be, but no two sizes, as if they came one after the other."""
    count, steps = Counter(key for key, _ in line), Counter[tuple[int, int]]()
    for key, left in line:
        steps[key] += left
    return sum(math.ceil(each / min(samples_a_turn, count[key])) for key, each in steps.items())


def turns_in_a_round(in_flight: Sequence[Ahead], samples_a_turn: int) -> int:
    """Each size needs turns of its own, and no turn takes more than ``samples_a_turn``."""
    sharing = Counter(key for key, _ in in_flight)
    return sum(math.ceil(count / samples_a_turn) for count in sharing.values())


def ahead(running: Iterable[InFlight], waiting: Iterable[GenerationRequest]) -> list[Ahead]:
    """The images in the order in which they are or will be in flight."""
    begun = [(each.request, each.num_steps - each.step_index) for each in running]
    to_come = [(request, request.num_inference_steps) for request in waiting]
    return [((request.height, request.width), steps) for request, steps in begun + to_come]
