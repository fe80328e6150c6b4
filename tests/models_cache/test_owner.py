"""The thread that owns a model: it loads, runs, and says when it cannot."""

import threading

from models_cache.loading import OtherModelFailed
from models_cache.owner import Owner, nothing

SECONDS = 10


def test_it_loads_before_it_runs_on_one_thread():
    log: list[tuple[str, str]] = []

    def note(what: str) -> None:
        log.append((what, threading.current_thread().name))

    owner = Owner("painter", lambda: note("run"), lambda reason: note(reason))
    owner.start(lambda: note("load"), nothing)
    owner.join()
    assert log == [("load", "painter"), ("run", "painter")]
    assert not owner.is_alive


def test_it_is_ready_once_the_model_is_loaded_and_while_it_runs():
    may_load, may_end, runs = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        runs.set()
        may_end.wait(SECONDS)

    owner = Owner("painter", run, lambda reason: None)
    assert (owner.is_alive, owner.is_ready) == (False, False)
    owner.start(lambda: [may_load.wait(SECONDS)].clear(), nothing)
    assert (owner.is_alive, owner.is_ready) == (True, False)
    may_load.set()
    assert runs.wait(SECONDS)
    assert owner.is_ready
    may_end.set()
    owner.join()
    assert (owner.is_alive, owner.is_ready) == (False, False)


def test_with_nothing_to_load_it_is_ready_at_once():
    may_end = threading.Event()
    owner = Owner("painter", lambda: [may_end.wait(SECONDS)].clear(), lambda reason: None)
    owner.start(nothing, nothing)
    assert owner.is_ready
    may_end.set()
    owner.join()


def test_a_failure_is_logged_told_and_nothing_runs(caplog):
    log: list[str] = []

    def fail() -> None:
        raise RuntimeError("a tensor of another shape")

    owner = Owner("painter", lambda: log.append("run"), log.append)
    owner.start(fail, lambda: log.append("failed"))
    owner.join()
    assert log == ["The painter could not be loaded: the server's log says why.", "failed"]
    assert not owner.is_ready
    assert "the painter could not be loaded" in caplog.text
    assert "a tensor of another shape" in caplog.text


def test_who_waited_for_another_that_failed_is_not_blamed(caplog):
    log: list[str] = []

    def fail() -> None:
        raise OtherModelFailed

    owner = Owner("painter", lambda: log.append("run"), log.append)
    owner.start(fail, lambda: log.append("failed"))
    owner.join()
    assert log == ["The painter could not be loaded: the server's log says why.", "failed"]
    assert caplog.text == ""
