"""Only the culprit fails, and the engine goes on."""

import pytest
from painting_engine import STAGES, ask, assert_succeeded, finish, forwards, steps_made

from generator.job import Failed
from generator.sentences import MODEL_FAILED, NO_ROOM


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        ("fails in prepare", []),
        ("fails in denoise", [0]),
        ("fails in denoise at step 2", [0, 1, 2]),
        ("fails in scheduler", [0]),
        ("fails in scheduler at step 3", [0, 1, 2, 3]),
        ("fails in decode", [0, 1, 2, 3, 4]),
    ],
)
def test_only_the_culprit_fails(engine, model, fault, steps, index):
    prompts = ["a", "b"]
    prompts.insert(index, fault)
    jobs = {prompt: engine.submit(ask(prompt)) for prompt in prompts}
    finish(engine)
    culprit = jobs.pop(fault)
    assert culprit.outcome == Failed(MODEL_FAILED)
    assert steps_made(culprit) == steps
    for prompt, neighbour in jobs.items():
        assert_succeeded(neighbour)
        assert forwards(model)[prompt] == 4


def test_two_culprits_in_one_batch_both_fail_and_their_neighbour_does_not(engine, model):
    prompts = ["fails in denoise at step 1", "a", "fails in scheduler at step 1"]
    first, neighbour, second = (engine.submit(ask(prompt)) for prompt in prompts)
    finish(engine)
    assert first.outcome == second.outcome == Failed(MODEL_FAILED)
    assert_succeeded(neighbour)
    assert forwards(model)["a"] == 4


def test_a_batch_too_large_for_the_memory_is_halved_and_goes_on_from_the_same_step(engine, model):
    model.memory = 2
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abc"]
    engine.step()
    assert model.batches == [["a", "b"], ["c"]]
    finish(engine)
    for job in jobs:
        assert_succeeded(job)
    assert forwards(model) == {"a": 2, "b": 2, "c": 2}
    assert max(map(len, model.batches)) == 2


def test_a_forward_that_fits_is_not_tried_larger_at_once_but_later(engine, model):
    model.memory = 1
    jobs = [engine.submit(ask(prompt, 30)) for prompt in "ab"]
    engine.step()
    model.memory = 1000
    engine.step()
    assert model.batches[-1] == ["a"]
    finish(engine)
    assert ["b", "a"] in model.batches or ["a", "b"] in model.batches
    for job in jobs:
        assert_succeeded(job)


def test_what_does_not_fit_alone_fails_alone_and_says_so(engine, model):
    model.memory = 0
    job = engine.submit(ask("a"))
    engine.step()
    assert job.outcome == Failed(NO_ROOM.format(width=64, height=64))
    model.memory = 1000
    later = engine.submit(ask("b"))
    finish(engine)
    assert_succeeded(later)


@pytest.mark.parametrize("stage", STAGES)
def test_a_fault_is_logged_with_its_own_traceback_and_the_job_and_not_told(engine, caplog, stage):
    culprit = engine.submit(ask(f"fails in {stage}"))
    engine.submit(ask("neighbour"))
    finish(engine)
    assert f"job {culprit.short_id} failed in {stage}" in caplog.messages
    tracebacks = {str(record.exc_info[1]) for record in caplog.records if record.exc_info}
    assert tracebacks == {f"'fails in {stage}' fails in {stage}"}
    assert culprit.outcome == Failed(MODEL_FAILED)


def test_the_engine_goes_on_after_faults(engine):
    for stage in STAGES:
        engine.submit(ask(f"fails in {stage}"))
    finish(engine)
    job = engine.submit(ask("a"))
    finish(engine)
    assert_succeeded(job)
