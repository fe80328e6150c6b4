"""Measures how long the engine's turns take, and so when one of its images should be done."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generator.model import Sample
from generator.request import GenerationRequest

# The share of the newest turn: sizes and batches change, and one slow turn is no trend.
NEWEST_SHARE = 0.2
# Until a turn was measured. Models that load take about a minute; asking earlier costs nothing.
UNKNOWN_SECONDS = 10
# No client plans further ahead, and a plan of an hour is wrong by then.
MOST_SECONDS = 3600

# A size, whose images may share turns, and the steps that one image has left.
Ahead = tuple[tuple[int, int], int]


@dataclass
class Pace:
    """A turn moves one batch by one step: samples that do not fit wait for another turn.

    The time for admitting and decoding counts in the turn that it was measured with.
    """

    _seconds_a_turn: float | None = None

    def took(self, seconds: float) -> None:
        """Takes note of one turn."""
        before = seconds if self._seconds_a_turn is None else self._seconds_a_turn
        self._seconds_a_turn = before + NEWEST_SHARE * (seconds - before)

    def seconds_until_one_ends(self, in_flight: Sequence[Ahead], samples_a_turn: int) -> int:
        """Whole seconds, at least 1. At least one image is in flight."""
        if self._seconds_a_turn is None:
            return UNKNOWN_SECONDS
        seconds = self._seconds_a_turn * turns_until_one_ends(in_flight, samples_a_turn)
        return min(max(1, math.ceil(seconds)), MOST_SECONDS)


def turns_until_one_ends(in_flight: Sequence[Ahead], samples_a_turn: int) -> int:
    """The turns until the image with the fewest steps left ends: all take turns in a round."""
    sharing = Counter(key for key, _ in in_flight)
    round_of_turns = sum(math.ceil(count / samples_a_turn) for count in sharing.values())
    return round_of_turns * min(steps for _, steps in in_flight)


def ahead(running: Iterable[Sample], waiting: Iterable[GenerationRequest]) -> list[Ahead]:
    """The images in the order in which they are or will be in flight."""
    begun = [(each.request, each.num_steps - each.step_index) for each in running]
    to_come = [(request, request.num_inference_steps) for request in waiting]
    return [((request.height, request.width), steps) for request, steps in begun + to_come]
