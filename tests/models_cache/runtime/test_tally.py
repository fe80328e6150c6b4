"""What an engine has done, counted on its thread and read on others."""

import pytest

from models_cache.runtime.tally import Tally, Totals, UnderWay


@pytest.fixture
def tally():
    """Its clock moves by a second each time that it is looked at."""
    seconds = iter(range(1000))
    return Tally(["denoise", "decode"], ["decode"], lambda: float(next(seconds)))


def test_what_has_not_happened_yet_is_nought(tally):
    assert tally.totals() == Totals(
        seconds={"denoise": 0.0, "decode": 0.0}, failures={"decode": 0, "memory": 0}
    )


def test_time_counts_for_its_phase_also_if_the_phase_fails(tally):
    with tally.timing("denoise"):
        pass
    with pytest.raises(RuntimeError), tally.timing("denoise"):
        raise RuntimeError
    assert tally.totals().seconds == {"denoise": 2.0, "decode": 0.0}


def test_what_is_under_way_is_told_beside_the_longest_before(tally):
    assert tally.under_way() is None
    with tally.timing("decode"):
        tally._clock(), tally._clock()
    with tally.timing("denoise"):
        assert tally.under_way() == UnderWay("denoise", 1.0, 0.0)
    with tally.timing("decode"):
        assert tally.under_way() == UnderWay("decode", 1.0, 3.0)
    assert tally.under_way() is None


def test_failures_are_told_apart_by_their_stage_and_want_of_memory_by_itself(tally):
    for error in (RuntimeError(), ValueError(), MemoryError()):
        tally.failed("decode", error)
    assert tally.totals().failures == {"decode": 2, "memory": 1}


def test_batches_are_counted_by_their_size(tally):
    for size in (1, 4, 4, 2):
        tally.batch(size)
    totals = tally.totals()
    assert (totals.batches, totals.last_batch_size) == ({1: 1, 2: 1, 4: 2}, 2)


def test_totals_that_were_read_stay_as_they_were(tally):
    before = tally.totals()
    tally.made(2)
    tally.batch(1)
    tally.failed("decode", RuntimeError())
    with tally.timing("decode"):
        pass
    assert before == Totals(
        seconds={"denoise": 0.0, "decode": 0.0}, failures={"decode": 0, "memory": 0}
    )
    assert tally.totals().made == 2
