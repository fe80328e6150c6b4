"""Clients take turns in the queue, and none takes all of it."""

import pytest
from fakes import FakeSDXL
from painting_engine import ask, assert_succeeded, finish

from generator.engine import Engine
from generator.queue import QueueFull


def submit(engine, client, count, steps=3):
    return [engine.submit(ask(f"{client}{n}", steps), client=client) for n in range(count)]


def ended_first(engine, job, others):
    """Steps until the job has ended: how many of the others have by then."""
    before = sum(each.is_finished for each in others)
    while not job.is_finished:
        engine.step()
    assert_succeeded(job)
    return sum(each.is_finished for each in others) - before


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("steps_before", [0, 1, 2, 7, 40])
def test_forty_jobs_of_one_delay_the_first_of_another_by_one_image(batch_size, steps_before):
    """Of more samples in flight, one has to end before there is room: that is the one image."""
    engine = Engine(FakeSDXL(), max_batch_size=batch_size)
    forty = submit(engine, "anna", 40)
    for _ in range(steps_before):
        engine.step()
    [first] = submit(engine, "bert", 1)
    waited = 0
    while not first.progress:
        begun = sum(job.is_finished for job in forty)
        engine.step()
        waited += sum(job.is_finished for job in forty) - begun > 0
    assert waited <= 1
    assert ended_first(engine, first, forty) <= batch_size
    finish(engine)
    for job in forty:
        assert_succeeded(job)


def test_clients_take_turns_however_they_came(model):
    engine = Engine(model, max_batch_size=1)
    submit(engine, "anna", 3, steps=1)
    engine.step()
    submit(engine, "bert", 2, steps=1)
    submit(engine, "carl", 1, steps=1)
    finish(engine)
    assert model.batches == [["anna0"], ["bert0"], ["carl0"], ["anna1"], ["bert1"], ["anna2"]]


def test_whoever_asks_for_one_at_a_time_starves_nobody(model):
    engine = Engine(model, max_batch_size=1)
    submit(engine, "anna", 5, steps=1)
    for _ in range(5):
        submit(engine, "bert", 1, steps=1)
        engine.step()
        engine.step()
    assert [prompt for [prompt] in model.batches].count("anna0") == 1
    assert sum(prompt.startswith("anna") for [prompt] in model.batches) == 5


@pytest.mark.parametrize(("batch_size", "others"), [(1, 2), (4, 8)])
def test_nor_do_several_who_do_so(model, batch_size, others):
    """As each comes back, the others have waited longer than it, and anna longest of all."""
    engine = Engine(model, max_batch_size=batch_size)
    own = submit(engine, "anna", 4, steps=4)
    theirs = {}
    for step in range(200):
        for who in (f"client {number}" for number in range(others)):
            if who not in theirs or (theirs[who].is_finished and step % 2):
                [theirs[who]] = submit(engine, who, 1, steps=4)
        engine.step()
    for job in own:
        assert_succeeded(job)


def test_the_place_that_is_told_is_the_place_in_the_turns(model):
    engine = Engine(model, max_batch_size=1)
    forty = submit(engine, "anna", 40)
    engine.step()
    assert engine.before("bert") == 1  # the one that runs
    assert engine.before("anna") == 40
    [first, second] = submit(engine, "bert", 2)
    assert [engine.outlook(job).before for job in (first, forty[1], second)] == [0, 1, 2]
    assert engine.before("bert") == 1 + 2 + 2
    assert engine.before("carl") == 1 + 1


def test_what_waits_for_its_caption_counts_as_before_others(model):
    engine = Engine(model)
    engine.reserve(3, "anna")
    assert (engine.before("anna"), engine.before("bert")) == (3, 1)


def test_one_client_may_have_so_many_jobs_under_way_and_others_find_room(model):
    engine = Engine(model, max_batch_size=1, max_jobs=6, max_client_jobs=4)
    jobs = [*engine.reserve(2, "anna"), *submit(engine, "anna", 2)]
    for refused in (lambda: submit(engine, "anna", 1), lambda: engine.reserve(3, "anna")):
        with pytest.raises(QueueFull, match=r"^You have 4 jobs under way: try again in 10 sec"):
            refused()
    assert len(engine.reserve(2, "bert")) == 2
    with pytest.raises(QueueFull, match="^The queue is full"):
        engine.reserve(1, "carl")
    jobs[0].cancel()
    assert len(engine.reserve(1, "anna")) == 1


def test_without_clients_who_came_first_is_first(model):
    engine = Engine(model, max_batch_size=1)
    for prompt in "abc":
        engine.submit(ask(prompt, 1))
    finish(engine)
    assert model.batches == [["a"], ["b"], ["c"]]


def test_nothing_is_kept_of_clients_whose_jobs_have_ended(engine):
    for number in range(50):
        submit(engine, f"client {number}", 1, steps=1)
        finish(engine)
    assert engine._queue._turns._latest == {}
