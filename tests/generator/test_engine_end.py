"""How the engine starts and ends: these tests run its thread too."""

import threading

import pytest
from fakes import FakeSDXL
from painting_engine import SECONDS, STAGES, Death, ask, is_closed

from generator.engine import Engine
from generator.job import Cancelled, Failed, Progress, Queued, Succeeded
from models_cache.runtime.model_thread import DEVICE_LOST, STOPPING, DeviceLost, EngineClosed


def test_requests_wait_for_the_model_to_be_loaded(model):
    engine, may_load = Engine(info=model.info), threading.Event()
    engine.start(load=lambda: model if may_load.wait(SECONDS) else None)
    try:
        job = engine.submit(ask("a", 1))
        assert engine.is_alive
        assert not engine.is_ready
        may_load.set()
        assert isinstance(job.wait(SECONDS), Succeeded)
        assert engine.is_ready
    finally:
        engine.close()
    assert not engine.is_ready


def test_a_model_that_cannot_be_loaded_fails_who_waits_and_who_comes(model, caplog):
    engine, told = Engine(info=model.info), threading.Event()
    may_fail = threading.Event()

    def load() -> None:
        may_fail.wait(SECONDS)
        raise RuntimeError("a tensor of another shape")

    engine.start(load, on_failure=told.set)
    job = engine.submit(ask("a"))
    may_fail.set()
    sentence = "The generator could not be loaded: the server's log says why."
    assert job.wait(SECONDS) == Failed(sentence, stopped=True)
    assert told.wait(SECONDS)
    with pytest.raises(EngineClosed, match="could not be loaded"):
        engine.reserve()[0]
    engine.close()
    assert not engine.is_alive
    assert "a tensor of another shape" in caplog.text


@pytest.mark.parametrize("moment", ["load", *STAGES])
def test_a_lost_device_fails_all_and_ends_the_thread_which_says_so(model, caplog, moment):
    def lose(stage: str, prompt: str) -> None:
        if stage == moment:
            raise DeviceLost("CUDA error: unspecified launch failure")

    def load() -> FakeSDXL:
        lose("load", "")
        return model

    engine, told = Engine(info=model.info, max_batch_size=1), threading.Event()
    jobs = [engine.submit(ask(prompt, 1)) for prompt in ("a", "b")]
    model.on_stage = lose
    engine.start(load, on_device_lost=told.set)
    assert told.wait(SECONDS)
    assert [job.wait(SECONDS) for job in jobs] == 2 * [Failed(DEVICE_LOST, stopped=True)]
    with pytest.raises(EngineClosed, match="The GPU has failed"):
        engine.reserve()
    engine.close()
    assert not engine.is_alive
    assert "unspecified launch failure" in caplog.text


def test_an_engine_that_is_ended_tells_who_waits_and_who_comes_and_waits_for_nobody(model):
    engine, may_load = Engine(info=model.info), threading.Event()
    engine.start(load=lambda: model if may_load.wait(SECONDS) else None)
    job = engine.submit(ask("a"))
    engine.end("The other one is broken.")
    assert job.outcome == Failed("The other one is broken.", stopped=True)
    with pytest.raises(EngineClosed, match="The other one is broken"):
        engine.reserve()[0]
    may_load.set()
    engine.close()
    assert model.batches == []


def test_close_fails_everything_that_is_left(model):
    engine = Engine(model, max_batch_size=2)
    done, running, waiting = (engine.submit(ask(*asked)) for asked in [("a", 1), ("b",), ("c",)])
    reserved = engine.reserve()[0]
    cancelled = engine.submit(ask("d"))
    engine.step()
    cancelled.cancel()
    engine.close()
    assert running.outcome == waiting.outcome == reserved.outcome == Failed(STOPPING, stopped=True)
    assert isinstance(done.outcome, Succeeded)
    assert cancelled.outcome == Cancelled()
    stats = engine.stats()
    assert (stats.jobs, stats.waiting, stats.running) == (0, 0, 0)
    engine.close()


def test_a_closed_engine_takes_nothing(engine, model):
    reserved = engine.reserve()[0]
    engine.close()
    for refused in (
        engine.reserve,
        lambda: engine.submit(ask("a")),
        lambda: engine.submit(ask("b"), reserved),
    ):
        with pytest.raises(EngineClosed, match=STOPPING):
            refused()
    assert reserved.events == (Failed(STOPPING, stopped=True),)
    engine.run()
    assert model.batches == []


def test_a_closed_engine_is_closed_even_when_it_was_full(model):
    engine = Engine(model, max_jobs=1)
    engine.reserve()[0]
    engine.close()
    with pytest.raises(EngineClosed):
        engine.reserve()[0]


def test_run_ends_after_the_step_in_which_the_engine_is_closed(engine, model):
    job, reserved = engine.submit(ask("a", 1)), engine.reserve()[0]
    model.on_stage = lambda stage, prompt: stage == "denoise" and engine.close()
    engine.run()
    assert model.batches == [["a"]]
    assert job.events == (Queued(job.request), Progress(0, 1), Failed(STOPPING, stopped=True))
    assert reserved.outcome == Failed(STOPPING, stopped=True)


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_is_left_waiting_when_the_engine_dies(model, stage):
    engine = Engine(model, max_batch_size=2)
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abc"]
    jobs.append(engine.reserve()[0])

    def die(at, prompt):
        if (at, prompt) == (stage, "b"):
            raise Death

    model.on_stage = die
    with pytest.raises(Death):
        engine.run()
    assert [job.outcome for job in jobs[1:]] == [Failed(STOPPING, stopped=True)] * 3
    assert jobs[0].is_finished
    with pytest.raises(EngineClosed):
        engine.reserve()[0]


def test_close_waits_for_the_step_in_progress_and_not_for_the_jobs(model):
    engine = Engine(model, max_jobs=1)
    closer = threading.Thread(target=engine.close)

    def close(stage, prompt):
        if stage == "denoise" and closer.ident is None:
            closer.start()
            while not is_closed(engine):
                pass

    model.on_stage = close
    job = engine.submit(ask("a", 50))
    engine.start()
    assert job.wait(SECONDS) == Failed(STOPPING, stopped=True)
    closer.join(SECONDS)
    assert model.batches == [["a"]]
    assert not engine.is_alive


def test_the_engine_works_on_a_thread_of_its_own_until_closed(model):
    engine = Engine(model, max_batch_size=2)
    assert not engine.is_alive
    engine.start()
    try:
        assert engine.is_alive
        jobs = [engine.submit(ask(prompt)) for prompt in "abc"]
        for job in jobs:
            assert isinstance(job.wait(SECONDS), Succeeded)
        reserved = engine.reserve()[0]
    finally:
        engine.close()
    assert not engine.is_alive
    assert reserved.outcome == Failed(STOPPING, stopped=True)
