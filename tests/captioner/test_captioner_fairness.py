"""Pictures of several clients take turns at the captioner."""

import pytest
from captioning_engine import picture

from captioner.desk import TooManyCaptions
from captioner.engine import Engine


def test_a_picture_of_another_is_in_the_next_batch(model):
    engine = Engine(model, max_batch_size=4)
    forty = [engine.submit(picture(8), "anna") for _ in range(40)]
    engine.step()
    first = engine.submit(picture(9), "bert")
    engine.step()
    assert first.done()
    assert [each.done() for each in forty] == [True] * 7 + [False] * 33


def test_one_that_shares_no_batch_has_the_next_turn(model):
    engine = Engine(model, max_batch_size=4)
    forty = [engine.submit(picture(8), "anna") for _ in range(40)]
    engine.step()
    first = engine.submit(picture(9, num_beams=3), "bert")
    engine.step()
    assert first.done()
    assert sum(each.done() for each in forty) == 4


def test_two_who_ask_for_one_at_a_time_starve_nobody(engine):
    nine = [engine.submit(picture(8), "anna") for _ in range(9)]
    theirs = {}
    for _ in range(40):
        for beams, who in enumerate(["bert", "carl"], 2):
            if who not in theirs or theirs[who].done():
                theirs[who] = engine.submit(picture(9, num_beams=beams), who)
        engine.step()
    assert all(each.done() for each in nine)


def test_nothing_is_kept_of_clients_who_have_nothing_waiting(engine):
    for number in range(50):
        engine.submit(picture(8), f"client {number}")
        engine.step()
    assert engine._turns._latest == {}


def test_only_so_many_threads_wait_for_captions_of_one_and_of_all(engine):
    waiting = [engine.submit(picture(8), "anna", is_awaited=True) for _ in range(8)]
    with pytest.raises(TooManyCaptions) as told:
        engine.submit(picture(8), "anna", is_awaited=True)
    assert told.value.own
    waiting += [engine.submit(picture(8), "bert", is_awaited=True) for _ in range(8)]
    with pytest.raises(TooManyCaptions) as told:
        engine.submit(picture(8), "cleo", is_awaited=True)
    assert not told.value.own
    waiting.append(engine.submit(picture(8), "anna"))  # who has a place with the painter
    while not waiting[-1].done():
        engine.step()
    assert all(each.done() for each in waiting)
    engine.submit(picture(8), "cleo", is_awaited=True)


def test_pages_for_which_no_thread_waits_are_no_reason_to_refuse(engine):
    for _ in range(20):
        engine.submit(picture(8), "anna")
    assert engine.submit(picture(8), "anna", is_awaited=True)


def test_pictures_that_nobody_waits_for_any_more_are_let_go(engine):
    for _ in range(50):
        engine.submit(picture(8), "anna", is_awaited=True).cancel()
    assert (engine.waiting, len(engine._waiting)) == (0, 1)
