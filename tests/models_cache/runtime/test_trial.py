"""The judge of what may be faster: equal and faster passes, and nothing else does."""

from dataclasses import dataclass, field

import pytest
import torch

from models_cache.runtime.trial import FASTER, NO_SLOWER, PAIRS, try_candidate


@dataclass
class FakeCandidate:
    """``fault`` raises where it says: "on", "plain", "outputs", "seconds"."""

    name: str = "a faster way"
    result: float = 1.0
    times: dict[int, float] = field(default_factory=lambda: {2: 0.5, 8: 0.5})
    fault: tuple[str, Exception] | None = None
    is_on: bool = False
    switched: int = 0

    def is_prepared(self):
        return True

    def turn_on(self):
        self.raise_in("on")
        self.is_on = True
        self.switched += 1

    def turn_off(self):
        self.is_on = False

    def raise_in(self, place):
        if self.fault and self.fault[0] == place:
            raise self.fault[1]


@dataclass
class FakeBench:
    candidate: FakeCandidate
    sizes: tuple[int, ...] = (2, 8)
    reason: str = ""
    timed: list[tuple[int, bool]] = field(default_factory=list)

    def outputs(self):
        self.candidate.raise_in("outputs" if self.candidate.is_on else "plain")
        return [self.candidate.result if self.candidate.is_on else 1.0]

    def difference(self, expected, got):
        return "" if expected == got else f"it differs by {abs(expected[0] - got[0]):.1f}"

    def seconds(self, size):
        self.timed.append((size, self.candidate.is_on))
        if self.candidate.is_on:
            self.candidate.raise_in("seconds")
        return self.candidate.times[size] if self.candidate.is_on else 1.0

    def problem(self):
        return self.reason


def tried(candidate, **options):
    return try_candidate(candidate, FakeBench(candidate, **options))


def test_what_is_equal_and_faster_is_adopted_and_stays_on():
    candidate = FakeCandidate()
    verdict = tried(candidate)
    assert verdict.adopted
    assert candidate.is_on
    told = "a faster way: adopted, 0.50 of the time for 2, 0.50 of the time for 8"
    assert str(verdict) == told


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (FakeCandidate(result=1.5), "it differs by 0.5"),
        (FakeCandidate(times={2: 1.5, 8: 1.5}), "1.50 of the time for 2, 1.50 of the time for 8"),
        (
            FakeCandidate(fault=("on", RuntimeError("no kernel\nat all"))),
            "it fails here (no kernel)",
        ),
        (FakeCandidate(fault=("on", RuntimeError())), "it fails here (RuntimeError)"),
        (
            FakeCandidate(fault=("outputs", ValueError("no such size"))),
            "it fails here (no such size)",
        ),
        (FakeCandidate(fault=("seconds", RuntimeError("odd"))), "it fails here (odd)"),
        (FakeCandidate(fault=("plain", MemoryError("2 GB"))), "it finds no room"),
        (FakeCandidate(fault=("outputs", MemoryError("2 GB"))), "it finds no room"),
        (FakeCandidate(fault=("seconds", MemoryError("2 GB"))), "it finds no room"),
        (FakeCandidate(fault=("on", torch.OutOfMemoryError("2 GB"))), "it finds no room"),
    ],
)
def test_what_is_wrong_slower_or_raises_is_not_and_goes_off(candidate, why):
    verdict = tried(candidate)
    assert not verdict.adopted
    assert verdict.why == why
    assert not candidate.is_on


def test_what_is_faster_at_one_size_and_slower_at_another_is_not_adopted():
    assert not tried(FakeCandidate(times={2: 0.5, 8: NO_SLOWER + 0.01})).adopted
    assert tried(FakeCandidate(times={2: 0.5, 8: NO_SLOWER - 0.01})).adopted


def test_a_small_gain_is_not_worth_it():
    assert not tried(FakeCandidate(times={2: FASTER, 8: FASTER})).adopted


def test_without_room_nothing_is_tried():
    candidate = FakeCandidate()
    assert tried(candidate, reason="there is no room").why == "there is no room"
    assert candidate.switched == 0


def test_times_alternate_after_one_forward_that_does_not_count():
    candidate = FakeCandidate()
    bench = FakeBench(candidate)
    try_candidate(candidate, bench)
    pairs = [(2, True), (2, False)] * PAIRS
    assert bench.timed[: 1 + 2 * PAIRS] == [(2, True), *pairs]


def test_one_slow_reading_decides_nothing():
    candidate = FakeCandidate()
    bench = FakeBench(candidate)
    seconds = bench.seconds
    bench.seconds = lambda size: seconds(size) * (50 if len(bench.timed) == 3 else 1)
    assert try_candidate(candidate, bench).adopted
