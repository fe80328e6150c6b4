"""The captioner's engine, driven step by step over a fake BLIP."""

from concurrent.futures import Future

import pytest
from captioning_engine import captions, picture, poisoned
from fakes import FakeBlip

from captioner.engine import Engine


def test_a_picture_gets_its_caption(engine):
    future = engine.submit(picture(8, prefix="a photograph of"))
    assert not future.done()
    engine.step()
    assert future.result(0) == "a photograph of a picture of 8x8"


def test_what_waits_is_one_batch_and_each_gets_its_own_caption(engine, model):
    futures = [engine.submit(picture(width)) for width in (8, 9, 10)]
    engine.step()
    assert model.batches == [3]
    assert captions(futures) == [f"a picture of {width}x8" for width in (8, 9, 10)]


def test_a_step_without_work_does_nothing(engine, model):
    engine.step()
    assert model.batches == []


@pytest.mark.parametrize(
    "different", [{"prefix": "a photo"}, {"max_new_tokens": 20}, {"num_beams": 3}], ids=str
)
def test_only_who_shares_a_batch_key_shares_a_batch(engine, model, different):
    first, other, third = (
        engine.submit(picture(8, **parameters)) for parameters in ({}, different, {})
    )
    engine.step()
    assert model.batches == [2]
    assert first.done()
    assert third.done()
    assert not other.done()
    engine.step()
    assert model.batches == [2, 1]
    assert other.done()


def test_prefixes_of_one_length_share_a_batch(engine, model):
    futures = [engine.submit(picture(8, prefix=prefix)) for prefix in ("a photo", "a drawing")]
    engine.step()
    assert model.batches == [2]
    assert captions(futures) == ["a photo a picture of 8x8", "a drawing a picture of 8x8"]


def test_a_batch_takes_those_who_waited_longest_up_to_its_size(model):
    engine = Engine(model, max_batch_size=2)
    futures = [engine.submit(picture(8)) for _ in range(5)]
    for done in (2, 4, 5):
        engine.step()
        assert [future.done() for future in futures] == [True] * done + [False] * (5 - done)
    assert model.batches == [2, 2, 1]


def test_who_has_waited_longest_is_in_the_next_batch(model):
    engine = Engine(model, max_batch_size=2)
    engine.submit(picture(8))
    other = engine.submit(picture(8, num_beams=3))
    for _ in range(4):
        engine.submit(picture(8))
    engine.step()
    assert not other.done()
    engine.step()
    assert other.done()


def test_no_more_batch_keys_are_asked_for_than_it_takes_to_fill_a_batch(model):
    """A key costs a run of the tokenizer, and a long queue is no time for many."""
    asked = []
    batch_key = model.batch_key
    model.batch_key = lambda request: asked.append(request) or batch_key(request)
    engine = Engine(model, max_batch_size=2)
    futures = [engine.submit(picture(8)) for _ in range(50)]
    engine.step()
    assert len(asked) <= 4
    for future in futures:
        future.cancel()


def test_a_poisoned_picture_fails_alone_with_its_own_error(engine, model):
    requests = [picture(8), poisoned(9), picture(10), poisoned(11)]
    futures = [engine.submit(request) for request in requests]
    engine.step()
    assert captions([futures[0], futures[2]]) == ["a picture of 8x8", "a picture of 10x8"]
    errors = [str(futures[place].exception(0)) for place in (1, 3)]
    assert errors == ["a poisoned picture, 9 wide", "a poisoned picture, 11 wide"]
    assert model.batches == [4, 1, 1, 1, 1]
    after = engine.submit(picture(8))
    engine.step()
    assert after.done()


def test_a_single_poisoned_picture_is_tried_once(engine, model):
    future = engine.submit(poisoned(9))
    engine.step()
    assert model.batches == [1]
    with pytest.raises(RuntimeError, match="a poisoned picture"):
        future.result(0)


def test_a_cancelled_caption_is_never_made(engine, model):
    futures = [engine.submit(picture(8)) for _ in range(3)]
    assert futures[1].cancel()
    engine.step()
    assert model.batches == [2]
    assert futures[1].cancelled()
    for future in [engine.submit(picture(8)), engine.submit(picture(8))]:
        future.cancel()
    engine.step()
    assert model.batches == [2]


def test_a_caption_in_the_making_cannot_be_cancelled(engine, model):
    futures = []
    caption_batch = model.caption_batch

    def cancel_and_caption(requests):
        assert not futures[0].cancel()
        return caption_batch(requests)

    model.caption_batch = cancel_and_caption
    futures.append(engine.submit(picture(8)))
    engine.step()
    assert captions(futures) == ["a picture of 8x8"]


def test_a_request_without_a_batch_key_fails_alone(model, engine, caplog):
    batch_key = model.batch_key

    def batch_key_of_the_sound(request):
        if request.prefix == "no key":
            raise ValueError("no key")
        return batch_key(request)

    model.batch_key = batch_key_of_the_sound
    requests = [picture(8), picture(8, prefix="no key"), picture(9, prefix="no key"), picture(10)]
    requests[1].image.putpixel((0, 0), FakeBlip.poison)
    futures = [engine.submit(request) for request in requests]
    for done in [{0, 3}, {0, 1, 3}, {0, 1, 2, 3}]:
        engine.step()
        assert {place for place, future in enumerate(futures) if future.done()} == done
    assert model.batches == [2, 1, 1]
    assert str(futures[1].exception(0)) == "a poisoned picture, 8 wide"
    assert futures[2].result(0) == "no key a picture of 9x8"
    assert "a caption request has no batch key" in caplog.messages


def test_a_callback_may_ask_for_another_caption(engine):
    more = []
    first = engine.submit(picture(8))
    first.add_done_callback(lambda _: more.append(engine.submit(picture(9))))
    engine.step()
    engine.step()
    assert captions(more) == ["a picture of 9x8"]


def test_a_callback_that_raises_hurts_nobody(engine, caplog):
    def fail(future: Future):
        raise RuntimeError("a broken callback")

    futures = [engine.submit(picture(8)) for _ in range(2)]
    futures[0].add_done_callback(fail)
    engine.step()
    assert captions(futures) == ["a picture of 8x8"] * 2
    assert [str(record.exc_info[1]) for record in caplog.records] == ["a broken callback"]
