"""As many jobs end as were accepted, each once."""

import pytest
from fakes import FAKE_INFO, FakeSDXL

from generator.engine import Engine
from generator.job import Failed
from generator.queue import QueueFull


@pytest.fixture
def engine() -> Engine:
    return Engine(FakeSDXL(), max_jobs=4)


def test_every_accepted_job_is_counted_once_more_at_its_end(engine):
    painted, cancelled = (engine.submit(FAKE_INFO.request("x")) for _ in range(2))
    reserved, waiting = engine.reserve(2)
    cancelled.cancel()
    cancelled.cancel()
    reserved.publish(Failed("no caption"))
    while not painted.is_finished:
        engine.step()
    assert engine.ledger.accepted == 4
    assert engine.ledger.ended == {"succeeded": 1, "failed": 1, "cancelled": 1}
    assert not waiting.is_finished


def test_a_job_that_found_no_place_was_not_accepted(engine):
    engine.reserve(3)
    with pytest.raises(QueueFull):
        engine.reserve(2)
    assert engine.ledger.accepted == 3


def test_what_the_end_of_the_engine_fails_is_counted(engine):
    engine.reserve(2)
    engine.submit(FAKE_INFO.request("x"))
    engine.close()
    assert engine.ledger.ended.total() == engine.ledger.accepted == 3
