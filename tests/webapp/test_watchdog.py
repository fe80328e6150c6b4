"""A model that hangs is noticed; one that is slow, or was slow before, is not."""

import logging
import threading
from types import SimpleNamespace

import pytest

from models_cache.runtime.tally import Tally
from webapp.watchdog import LONGER, LONGER_IN_A_TRIAL, Watchdog


class Engine(SimpleNamespace):
    """Its clock is ``now``."""

    def __init__(self, phase: str = "denoise") -> None:
        self.now = 0.0
        super().__init__(name="generator", tally=Tally([phase], [], lambda: self.now))

    def call(self, seconds: float) -> None:
        with self.tally.timing("denoise"):
            self.now += seconds


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def watchdog(engine, heard):
    return Watchdog([Engine(), engine], seconds=60, on_hung=lambda: heard.append("hung"))


def test_a_call_that_does_not_end_hangs_after_so_many_seconds(watchdog, engine, heard):
    with engine.tally.timing("denoise"):
        engine.now += 60
        assert not watchdog.look()
        assert not heard
        engine.now += 1
        assert watchdog.look()
    assert heard == ["hung"]


def test_between_two_calls_nothing_hangs(watchdog, engine):
    engine.call(10)
    engine.now += 10_000
    assert not watchdog.look()


def test_a_call_may_take_many_times_as_long_as_the_longest_before(watchdog, engine):
    for seconds in (30, 5):
        engine.call(seconds)
    with engine.tally.timing("denoise"):
        engine.now += 30 * LONGER
        assert not watchdog.look()
        engine.now += 1
        assert watchdog.look()


def test_a_trial_may_compile_for_long_and_hold_what_others_wait_for(heard):
    painter, captioner = Engine("trial"), Engine("caption")
    watchdog = Watchdog([captioner, painter], seconds=60, on_hung=lambda: heard.append("hung"))
    with painter.tally.timing("trial"), captioner.tally.timing("caption"):
        painter.now += 60 * LONGER_IN_A_TRIAL
        captioner.now += 60 * LONGER_IN_A_TRIAL
        assert not watchdog.look()
        painter.now += 1
        assert watchdog.look()


def test_whoever_waited_for_a_trial_has_its_own_time_afterwards(heard):
    """With little memory models share a device, which a trial holds."""
    captioner, painter = Engine("caption"), Engine("trial")
    watchdog = Watchdog([captioner, painter], 60, lambda: heard.append("hung"))
    watchdog.clock = lambda: captioner.now
    with captioner.tally.timing("caption"):
        with painter.tally.timing("trial"):
            captioner.now += 400
            assert not watchdog.look()
        captioner.now += 60
        assert not watchdog.look()
        captioner.now += 1
        assert watchdog.look()


@pytest.mark.parametrize(("slept", "hangs"), [(5, True), (500, False)])
def test_while_the_process_is_stopped_no_time_passes(engine, heard, slept, hangs):
    watchdog = Watchdog([engine], 60, lambda: heard.append("hung"), clock=lambda: engine.now)

    def wait(seconds):
        engine.now += slept

    with engine.tally.timing("denoise"):
        engine.now += 58
        watchdog.sleep(wait, 5)
        assert watchdog.look() == hangs
        engine.now += 61
        assert watchdog.look()


def test_the_log_says_what_hangs_and_where(watchdog, engine, caplog):
    def stuck_in_a_driver() -> None:
        with engine.tally.timing("denoise"):
            engine.now += 100
            inside.set()
            gate.wait()

    inside, gate = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=stuck_in_a_driver, name="generator"),
        threading.Thread(target=gate.wait, name="a request"),
    ]
    for thread in threads:
        thread.start()
    inside.wait()
    watchdog.look()
    gate.set()
    for thread in threads:
        thread.join()
    [record] = caplog.records
    assert record.levelno == logging.CRITICAL
    assert "the generator hangs: its denoise has not ended after 100 seconds" in record.message
    assert "stuck_in_a_driver" in record.message
    assert "a request" not in record.message


def test_its_thread_looks_until_it_has_found_something(engine):
    found = threading.Event()
    with engine.tally.timing("denoise"):
        Watchdog([engine], seconds=0.01, on_hung=found.set).start()
        engine.now += 1
        assert found.wait(10)
