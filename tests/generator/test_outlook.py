"""How many jobs come before one, and when it should end: as it then does."""

import pytest
from test_pace import Timed, ask, engine_of, warm

from generator.pace import Outlook


def seconds_until_done(engine, job):
    began = engine.model.clock.now
    while not job.is_finished:
        engine.step()
    return engine.model.clock.now - began


@pytest.mark.parametrize("steps_done", [1, 3])
@pytest.mark.parametrize("sizes", [(64,), (64, 64, 64), (64, 32), (64, 32, 16)])
def test_a_running_job_is_told_its_time(sizes, steps_done):
    engine = engine_of(Timed(3))
    warm(engine)
    first, *_ = [engine.submit(ask(9, size)) for size in sizes]
    for _ in range(steps_done):
        engine.step()
    outlook = engine.outlook(first)
    assert outlook.before == 0
    taken = seconds_until_done(engine, first)
    assert taken <= outlook.seconds <= taken + 3 * len(set(sizes))


def test_jobs_that_wait_are_told_their_place_and_no_less_than_their_time():
    engine = engine_of(Timed(3), max_batch_size=1)
    warm(engine)
    jobs = [engine.submit(ask(4)) for _ in range(3)]
    engine.step()
    assert [engine.outlook(job).before for job in jobs] == [0, 0, 1]
    last = engine.outlook(jobs[2]).seconds
    taken = seconds_until_done(engine, jobs[2])
    assert taken <= last <= taken + 3


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_running_job_is_told_the_same_however_many_wait(batch_size):
    engine = engine_of(Timed(3), max_batch_size=batch_size)
    warm(engine)
    first, *_ = [engine.submit(ask(9)) for _ in range(batch_size)]
    engine.step()
    alone = engine.outlook(first)
    for _ in range(3):
        engine.submit(ask(9))
    assert engine.outlook(first) == alone


def test_a_job_behind_other_sizes_is_told_no_less_than_its_time():
    engine = engine_of(Timed(3), max_batch_size=8)
    warm(engine)
    for side in range(64, 128, 8):
        engine.submit(ask(5, side))
    engine.step()
    last = engine.submit(ask(5, 128))
    told = engine.outlook(last).seconds
    taken = seconds_until_done(engine, last)
    assert taken <= told <= 1.3 * taken


def test_a_job_that_has_no_words_yet_is_told_its_place_too():
    engine = engine_of(Timed(3), max_batch_size=1)
    warm(engine)
    for _ in range(4):
        engine.submit(ask(9), client="anna")
    engine.step()
    [job] = engine.reserve(1, "anna")
    assert engine.outlook(job).before == 3
    [other] = engine.reserve(1, "bert")
    assert engine.outlook(other).before == 0


def test_before_anything_was_measured_there_is_no_time():
    engine = engine_of(Timed(3))
    assert engine.outlook(engine.submit(ask())) == Outlook(0, None)


def test_places_are_taken_all_or_none():
    engine = engine_of(Timed(3), max_jobs=3)
    assert len(engine.reserve(2)) == 2
    with pytest.raises(Exception, match="The queue is full"):
        engine.reserve(2)
    assert len(engine.reserve(1)) == 1
