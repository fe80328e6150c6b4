"""Bytes are taken in turn, never more than there are, and always given back."""

import threading

import pytest

from webapp.memory_budget import MemoryBudget

SECONDS = 10


class Taker:
    """A thread that takes, says so, and gives back when it is told to."""

    def __init__(self, budget: MemoryBudget, size_bytes: int) -> None:
        self.has_it, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._take, args=(budget, size_bytes))
        self.thread.start()

    def _take(self, budget: MemoryBudget, size_bytes: int) -> None:
        with budget.take(size_bytes):
            self.has_it.set()
            assert self.may_end.wait(SECONDS)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join(SECONDS)


def test_what_fits_together_is_taken_together():
    budget = MemoryBudget(10)
    first, second = Taker(budget, 6), Taker(budget, 4)
    assert first.has_it.wait(SECONDS)
    assert second.has_it.wait(SECONDS)
    assert budget.free_bytes == 0
    first.end()
    second.end()
    assert budget.free_bytes == 10


def test_what_does_not_fit_waits_and_nobody_passes_it():
    budget = MemoryBudget(10)
    first = Taker(budget, 6)
    assert first.has_it.wait(SECONDS)
    large = Taker(budget, 9)
    while not budget._line:
        pass
    small = Taker(budget, 1)
    while len(budget._line) < 2:
        pass
    assert not large.has_it.is_set()
    assert not small.has_it.is_set()
    first.end()
    assert large.has_it.wait(SECONDS)
    assert small.has_it.wait(SECONDS)
    large.end()
    small.end()
    assert budget.free_bytes == 10


def test_what_is_larger_than_the_whole_has_it_to_itself():
    budget = MemoryBudget(10)
    with budget.take(50):
        assert budget.free_bytes == 0
    assert budget.free_bytes == 10


def test_what_fails_gives_back_too():
    budget = MemoryBudget(10)
    with pytest.raises(MemoryError), budget.take(3):
        raise MemoryError
    assert budget.free_bytes == 10
