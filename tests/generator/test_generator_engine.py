"""The engine, driven step by step over a fake model."""

import random
import weakref

from painting_engine import ask, assert_succeeded, finish

from generator.engine import Engine
from generator.engine_stats import EngineStats
from generator.job import Progress, Queued, Succeeded


def test_a_request_becomes_an_image_one_step_after_another(engine):
    request = ask("a", num_inference_steps=3, seed=7, width=32, height=16)
    job = engine.submit(request)
    assert job.events == (Queued(request),)
    finish(engine)
    *events, outcome = job.events
    assert events == [Queued(request), *(Progress(step, 3) for step in range(4))]
    assert outcome.image.size == (32, 16)
    assert outcome.image.getpixel((0, 0))[0] == 7


def test_one_step_is_one_step(engine):
    job = engine.submit(ask("a"))
    for step in range(1, 5):
        engine.step()
        assert job.progress == Progress(step, 4)
    assert isinstance(job.outcome, Succeeded)


def test_words_that_the_model_did_not_read_are_told_with_the_image(engine, model):
    prepare = model.prepare

    def prepare_with_unseen_words(requests):
        [sample] = prepare(requests)
        sample.unseen_words = ("last", "words")
        return [sample]

    model.prepare = prepare_with_unseen_words
    job = engine.submit(ask("a"))
    finish(engine)
    assert job.outcome.unseen_words == ("last", "words")


def test_a_step_without_work_does_nothing(engine, model):
    engine.step()
    assert model.batches == []


def test_the_engine_keeps_nothing_of_a_finished_job(engine):
    job = engine.submit(ask("a", 1))
    engine.step()
    image = weakref.ref(job.outcome.image)
    del job
    assert image() is None


def test_a_late_request_joins_the_running_batch_at_the_next_step(engine, model):
    first = engine.submit(ask("first"))
    engine.step()
    engine.step()
    late = engine.submit(ask("late"))
    finish(engine)
    alone, shared = [["first"]] * 2, [["first", "late"]] * 2
    assert model.batches == [*alone, *shared, ["late"], ["late"]]
    assert_succeeded(first)
    assert_succeeded(late)


def test_everything_but_the_size_is_free_within_a_batch(engine, model):
    jobs = [
        engine.submit(ask("a", 2, guidance_scale=0, seed=1)),
        engine.submit(ask("b", 4, guidance_scale=7.5, seed=2, negative_prompt="")),
        engine.submit(ask("c", 3, guidance_scale=1, seed=3, negative_prompt="fog")),
    ]
    finish(engine)
    assert model.batches == [["a", "b", "c"], ["a", "b", "c"], ["b", "c"], ["b"]]
    for job in jobs:
        assert_succeeded(job)


def test_sizes_take_turns(engine, model):
    wide, high = {"width": 128, "height": 64}, {"width": 64, "height": 128}
    sizes = {"a": {}, "wide": wide, "high": high, "b": {}, "wide too": wide}
    for prompt, size in sizes.items():
        engine.submit(ask(prompt, 2, **size))
    finish(engine)
    assert model.batches == [["a", "b"], ["wide", "wide too"], ["high"]] * 2


def test_a_stream_of_one_size_does_not_starve_another(engine):
    engine.submit(ask("first", 3))
    engine.step()
    other = engine.submit(ask("other", 4, width=128))
    for arrival in range(8):
        engine.submit(ask(f"{arrival}", 3))
        engine.step()
    assert_succeeded(other)


def test_no_size_waits_for_more_steps_than_there_are_other_sizes(engine, model):
    rng = random.Random(5)
    jobs, waited = {}, {}
    for arrival in range(200):
        if rng.random() < 0.5:
            size = rng.choice([16, 24, 32])
            request = ask(f"{arrival}", rng.randint(1, 5), width=size)
            jobs[request.prompt] = engine.submit(request)
        engine.step()
        moved = set(model.batches.pop()) if model.batches else set()
        running = {prompt for prompt, job in jobs.items() if job.status == "running"}
        waited = {prompt: waited.get(prompt, 0) + 1 for prompt in running - moved}
        assert all(steps <= 2 for steps in waited.values())


def test_no_more_samples_are_in_flight_than_max_batch_size(model):
    engine = Engine(model, max_batch_size=2)
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abcde"]
    finish(engine)
    assert model.batches == [["a", "b"]] * 2 + [["c", "d"]] * 2 + [["e"]] * 2
    for job in jobs:
        assert_succeeded(job)


def test_max_batch_size_counts_samples_of_all_sizes(model):
    engine = Engine(model, max_batch_size=2)
    for prompt, width in [("a", 64), ("b", 128), ("c", 64)]:
        engine.submit(ask(prompt, 2, width=width))
    engine.step()
    assert (engine.stats().running, engine.stats().waiting) == (2, 1)


def test_who_came_first_is_admitted_first(model):
    engine = Engine(model, max_batch_size=2)
    for prompt, steps in [("a", 3), ("b", 1), ("c", 1), ("d", 1)]:
        engine.submit(ask(prompt, steps))
    finish(engine)
    assert model.batches == [["a", "b"], ["a", "c"], ["a", "d"]]


def test_stats_count_what_is_there_and_what_was(model):
    engine = Engine(model, max_batch_size=2)
    assert engine.stats() == EngineStats(0, 0, 0, 0, 0, 0, 0)
    engine.submit(ask("a", 1))
    engine.submit(ask("fails in decode", 2))
    engine.submit(ask("c", 2))
    engine.reserve()[0]
    assert engine.stats() == EngineStats(4, 3, 0, 0, 0, 0, 0)
    engine.step()
    assert engine.stats() == EngineStats(
        jobs=3,
        waiting=1,
        running=1,
        last_batch_size=2,
        total_steps=2,
        total_images=1,
        total_failures=0,
    )
    engine.step()
    assert engine.stats() == EngineStats(2, 0, 1, 2, 4, 1, 1)
    engine.step()
    assert engine.stats() == EngineStats(1, 0, 0, 1, 5, 2, 1)


def test_stats_are_right_as_soon_as_the_outcome_is_there(engine):
    """Whoever has waited for a job finds its place, its turn and its sample free."""
    job, seen = engine.submit(ask("a", 1)), []
    job.when_finished(lambda: seen.append(engine.stats()))
    finish(engine)
    assert [(stats.jobs, stats.waiting, stats.running) for stats in seen] == [(0, 0, 0)]
