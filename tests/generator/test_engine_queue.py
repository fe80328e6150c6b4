"""Places in the engine's queue: taken, freed, and given up."""

import pytest
from painting_engine import STAGES, ask, assert_succeeded, finish, steps_made

from generator.engine import Engine
from generator.job import Cancelled, Failed, Progress, Queued
from generator.queue import QueueFull


def test_a_cancelled_job_is_gone_before_the_next_step_and_its_slot_is_free(model):
    engine = Engine(model, max_batch_size=2)
    job, neighbour, waiting = (engine.submit(ask(prompt)) for prompt in "abc")
    engine.step()
    job.cancel()
    engine.step()
    assert model.batches == [["a", "b"], ["b", "c"]]
    finish(engine)
    assert job.events[-2:] == (Progress(1, 4), Cancelled())
    assert_succeeded(neighbour)
    assert_succeeded(waiting)


def test_a_job_cancelled_while_it_waits_is_never_prepared(model):
    engine = Engine(model, max_batch_size=1)
    prepared = []
    model.on_stage = lambda stage, prompt: stage == "prepare" and prepared.append(prompt)
    _, cancelled, last = (engine.submit(ask(prompt, 1)) for prompt in "abc")
    cancelled.cancel()
    assert engine.stats().waiting == 2
    finish(engine)
    assert prepared == ["a", "c"]
    assert cancelled.events == (Queued(cancelled.request), Cancelled())
    assert_succeeded(last)


def test_a_job_cancelled_while_it_or_another_is_prepared_makes_no_step(model):
    engine = Engine(model, max_batch_size=3)
    running = engine.submit(ask("running"))
    engine.step()
    itself, stays, third = (engine.submit(ask(prompt)) for prompt in ["itself", "stays", "third"])

    def cancel(stage, prompt):
        if (stage, prompt) == ("prepare", "itself"):
            itself.cancel()
            running.cancel()

    model.on_stage = cancel
    engine.step()
    assert model.batches == [["running"], ["stays", "third"]]
    finish(engine)
    assert steps_made(itself) == []
    assert steps_made(running) == [0, 1]
    assert_succeeded(stays)
    assert_succeeded(third)


def test_those_who_wait_are_prepared_together_as_far_as_there_is_room(model):
    engine, prepare, together = Engine(model, max_batch_size=3), model.prepare, []

    def note(requests):
        together.append([request.prompt for request in requests])
        return prepare(requests)

    model.prepare = note
    for prompt in "abcd":
        engine.submit(ask(prompt, 2))
    engine.step()
    assert together == [["a", "b", "c"]]
    finish(engine)
    assert together == [["a", "b", "c"], ["d"]]


def test_a_job_cancelled_in_its_last_forward_is_not_decoded(engine, model):
    job, neighbour = engine.submit(ask("a", 1)), engine.submit(ask("b", 1))
    decoded = []

    def cancel(stage, prompt):
        if stage == "denoise":
            job.cancel()
        if stage == "decode":
            decoded.append(prompt)

    model.on_stage = cancel
    finish(engine)
    assert decoded == ["b"]
    assert job.events == (Queued(job.request), Progress(0, 1), Cancelled())
    assert_succeeded(neighbour)


def test_a_job_cancelled_while_it_is_decoded_stays_cancelled(engine, model):
    job = engine.submit(ask("a", 1))
    model.on_stage = lambda stage, prompt: stage == "decode" and job.cancel()
    finish(engine)
    assert job.outcome == Cancelled()
    assert engine.stats().total_images == 0


def test_a_job_cancelled_before_its_model_fails_counts_as_no_failure(engine, model):
    job = engine.submit(ask("fails in prepare"))
    model.on_stage = lambda stage, prompt: job.cancel()
    finish(engine)
    assert job.outcome == Cancelled()
    assert engine.stats().total_failures == 0


def test_as_many_jobs_as_max_jobs_are_taken_and_one_more_is_not(model):
    engine = Engine(model, max_batch_size=1, max_jobs=3)
    engine.reserve()[0]
    engine.submit(ask("a"))
    engine.submit(ask("b"))
    for refused in (engine.reserve, lambda: engine.submit(ask("c"))):
        with pytest.raises(QueueFull):
            refused()
    assert engine.stats().jobs == 3
    assert engine.stats().waiting == 2


def test_a_reserved_job_has_its_place_already(model):
    engine = Engine(model, max_jobs=1)
    job = engine.reserve()[0]
    assert engine.submit(ask("a"), job) is job
    finish(engine)
    assert job.events[0] == Queued(job.request)
    assert_succeeded(job)


@pytest.mark.parametrize("outcome", [Failed("There is no caption."), Cancelled()])
def test_a_reserved_job_that_ends_before_it_is_submitted_frees_its_place(model, outcome):
    engine = Engine(model, max_jobs=1)
    job = engine.reserve()[0]
    job.publish(outcome)
    assert engine.stats().jobs == 0
    assert engine.reserve()[0] is not job


def test_to_submit_a_reserved_job_that_has_ended_is_harmless(engine, model):
    job = engine.reserve()[0]
    job.cancel()
    assert engine.submit(ask("a"), job) is job
    finish(engine)
    assert job.events == (Cancelled(),)
    assert model.batches == []


def test_every_outcome_frees_the_place(model):
    engine = Engine(model, max_jobs=1)
    for prompt in ["good", *(f"fails in {stage}" for stage in STAGES), "good again"]:
        job = engine.submit(ask(prompt))
        finish(engine)
        assert job.is_finished
    job = engine.submit(ask("cancelled while it waits"))
    job.cancel()
    job = engine.submit(ask("cancelled while it runs"))
    engine.step()
    job.cancel()
    engine.reserve()[0]
