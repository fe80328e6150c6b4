"""The thread that owns a model: it loads, runs, closes, and says when it cannot."""

import threading

import pytest

from models_cache.runtime.model_thread import (
    STOPPING,
    EngineClosed,
    ModelThread,
    OtherModelFailed,
)

SECONDS = 10


class Painter(ModelThread[str]):
    """Works once for each of ``work``, and notes what happens on which thread."""

    def __init__(self, model: str | None = None, work: int = 0) -> None:
        super().__init__("painter", model)
        self.work = work
        self.log: list[tuple[str, str]] = []
        self.may_step = threading.Event()
        self.steps = threading.Event()

    def note(self, what: str) -> None:
        self.log.append((what, threading.current_thread().name))

    def step(self) -> None:
        self.note(f"step of {self.model}")
        self.work -= 1
        self.steps.set()
        assert self.may_step.wait(SECONDS)

    def submit(self) -> None:
        with self._changed:
            self._check_open()
            self.work += 1
            self._changed.notify_all()

    def _has_work(self) -> bool:
        return self.work > 0

    def _fail_all(self) -> None:
        self.note(self._reason)


def test_it_loads_before_it_steps_on_one_thread_until_it_is_closed():
    painter = Painter(work=1)
    painter.start(lambda: painter.note("load") or "a model")
    assert painter.steps.wait(SECONDS)
    painter.may_step.set()
    painter.close()
    assert painter.log[:2] == [("load", "painter"), ("step of a model", "painter")]
    assert painter.log[-1] == (STOPPING, "MainThread")
    assert not painter.is_alive
    with pytest.raises(EngineClosed, match="The server is stopping"):
        painter.submit()


def test_it_is_ready_once_the_model_is_loaded_and_while_it_runs():
    may_load = threading.Event()
    painter = Painter(work=1)
    assert (painter.is_alive, painter.is_ready) == (False, False)
    painter.start(lambda: may_load.wait(SECONDS) and "a model")
    assert (painter.is_alive, painter.is_ready) == (True, False)
    with pytest.raises(AssertionError, match="not loaded yet"):
        _ = painter.model
    may_load.set()
    assert painter.steps.wait(SECONDS)
    assert painter.is_ready
    painter.may_step.set()
    painter.close()
    assert (painter.is_alive, painter.is_ready) == (False, False)


def test_with_a_model_at_hand_it_is_ready_at_once_and_sleeps_without_work():
    painter = Painter("a model")
    painter.start()
    assert painter.is_ready
    painter.may_step.set()
    painter.submit()
    assert painter.steps.wait(SECONDS)
    painter.close()


def test_work_that_comes_by_itself_is_looked_for_as_often_as_it_asks():
    class Impatient(Painter):
        looks = 0

        def _has_work(self) -> bool:
            self.looks += 1
            return self.looks > 2 and super()._has_work()

        def _patience(self) -> float:
            return 0.001

    painter = Impatient("a model", work=1)
    painter.start()
    assert painter.steps.wait(SECONDS)
    painter.may_step.set()
    painter.close()
    assert painter.looks > 2


def test_an_end_from_elsewhere_wakes_it_and_is_told_to_all_who_come(caplog):
    painter = Painter("a model")
    painter.start()
    painter.end("The other model could not be loaded.")
    painter.close()
    assert not painter.is_alive
    with pytest.raises(EngineClosed, match="The other model"):
        painter.submit()


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [(RuntimeError("a tensor of another shape"), True), (OtherModelFailed(), False)],
)
def test_a_failure_is_told_nothing_runs_and_only_the_culprit_is_blamed(caplog, error, is_logged):
    def fail() -> str:
        raise error

    painter = Painter(work=1)
    painter.start(fail, lambda: painter.note("failed"))
    painter.close()
    sentence = "The painter could not be loaded: the server's log says why."
    assert painter.log[:2] == [(sentence, "painter"), ("failed", "painter")]
    assert not painter.is_ready
    assert ("a tensor of another shape" in caplog.text) is is_logged


@pytest.mark.parametrize("fault", [SystemExit, KeyError])
def test_a_step_that_kills_its_thread_leaves_no_request_waiting_and_is_told(caplog, fault):
    painter = Painter("a model", work=1)
    painter.step = lambda: (_ for _ in ()).throw(fault)
    painter.start(on_death=lambda: painter.note("dead"))
    painter.close()
    assert painter.log[0] == (STOPPING, "painter")
    assert ("dead", "painter") in painter.log
    assert "the engine of the painter has died" in caplog.messages
