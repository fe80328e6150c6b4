"""How the captioner's engine starts and ends: these tests run its thread too."""

import threading

import pytest
from captioning_engine import SECONDS, Death, captions, is_closed, picture

from captioner.engine import Engine
from models_cache.runtime.model_thread import EngineClosed


def test_close_fails_what_is_left(engine, model):
    done, *left = [engine.submit(picture(8, num_beams=beams)) for beams in (1, 2, 3)]
    engine.step()
    cancelled = engine.submit(picture(8))
    cancelled.cancel()
    engine.close()
    assert captions([done]) == ["a picture of 8x8"]
    for future in left:
        with pytest.raises(EngineClosed, match="The server is stopping"):
            future.result(0)
    assert cancelled.cancelled()
    engine.close()
    engine.run()
    assert model.batches == [1]


def test_a_closed_engine_takes_nothing(engine):
    engine.close()
    with pytest.raises(EngineClosed):
        engine.submit(picture(8))


def test_run_ends_after_the_batch_in_which_the_engine_is_closed(engine, model):
    caption_batch = model.caption_batch

    def close_and_caption(requests):
        engine.close()
        return caption_batch(requests)

    model.caption_batch = close_and_caption
    first, second = engine.submit(picture(8)), engine.submit(picture(8, num_beams=2))
    engine.run()
    assert first.result(0) == "a picture of 8x8"
    assert isinstance(second.exception(0), EngineClosed)


@pytest.mark.parametrize("method", ["caption_batch", "batch_key"])
def test_nobody_is_left_waiting_when_the_engine_dies(engine, model, method):
    def die(_):
        raise Death

    setattr(model, method, die)
    futures = [engine.submit(picture(8, num_beams=beams)) for beams in (1, 1, 2)]
    futures[1].cancel()
    with pytest.raises(Death):
        engine.run()
    assert isinstance(futures[0].exception(0), EngineClosed)
    assert futures[1].cancelled()
    assert isinstance(futures[2].exception(0), EngineClosed)
    with pytest.raises(EngineClosed):
        engine.submit(picture(8))


def test_nobody_is_left_waiting_when_a_model_returns_too_few_captions(engine, model):
    model.caption_batch = lambda requests: ["only one"]
    futures = [engine.submit(picture(8)) for _ in range(2)]
    with pytest.raises(ValueError, match="shorter"):
        engine.run()
    assert futures[0].result(0) == "only one"
    assert isinstance(futures[1].exception(0), EngineClosed)


def test_close_waits_for_the_batch_in_progress_and_not_for_the_queue(model):
    engine = Engine(model, max_batch_size=1)
    closer = threading.Thread(target=engine.close)
    caption_batch = model.caption_batch

    def close_and_caption(requests):
        if closer.ident is None:
            closer.start()
            while not is_closed(engine):
                pass
        return caption_batch(requests)

    model.caption_batch = close_and_caption
    first, second = engine.submit(picture(8)), engine.submit(picture(8))
    engine.start()
    assert first.result(SECONDS) == "a picture of 8x8"
    assert isinstance(second.exception(SECONDS), EngineClosed)
    closer.join(SECONDS)
    assert model.batches == [1]
    assert not engine.is_alive


def test_the_engine_works_on_a_thread_of_its_own_until_closed(model):
    engine = Engine(model)
    assert not engine.is_alive
    engine.start()
    try:
        assert engine.is_alive
        futures = [engine.submit(picture(8)) for _ in range(5)]
        for future in futures:
            assert future.result(SECONDS) == "a picture of 8x8"
    finally:
        engine.close()
    assert not engine.is_alive


def test_requests_wait_for_the_model_to_be_loaded(model):
    engine, may_load = Engine(), threading.Event()
    engine.start(load=lambda: model if may_load.wait(SECONDS) else None)
    try:
        future = engine.submit(picture(8))
        assert engine.is_alive
        assert not engine.is_ready
        may_load.set()
        assert future.result(SECONDS) == "a picture of 8x8"
        assert engine.is_ready
    finally:
        engine.close()
    assert not engine.is_ready


def test_a_model_that_cannot_be_loaded_fails_who_waits_and_who_comes(caplog):
    engine, may_fail, told = Engine(), threading.Event(), threading.Event()

    def load() -> None:
        may_fail.wait(SECONDS)
        raise RuntimeError("a tensor of another shape")

    engine.start(load, on_failure=told.set)
    future = engine.submit(picture(8))
    may_fail.set()
    with pytest.raises(EngineClosed, match="The captioner could not be loaded"):
        future.result(SECONDS)
    assert told.wait(SECONDS)
    with pytest.raises(EngineClosed, match="The captioner could not be loaded"):
        engine.submit(picture(8))
    engine.close()
    assert "a tensor of another shape" in caplog.text
