"""Every few steps the engine shows what an image will be; that harms nobody."""

import logging
import weakref

import pytest
from fakes import FakeSDXL, PreviewingSDXL
from painting_engine import Death, ask, assert_succeeded, finish

from generator.engine import Engine
from generator.job import Previewed, Progress


@pytest.fixture
def model():
    return PreviewingSDXL()


def previewed(job):
    return [event.step for event in job.events if isinstance(event, Previewed)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, []),
        (2, []),
        (3, [1, 2]),
        (4, [1, 2, 3]),
        (6, [1, 2, 3, 4, 5]),
        (14, [3, 5, 7, 10, 12]),
        (30, [5, 10, 15, 20, 25]),
        (200, [34, 67, 100, 134, 167]),
    ],
)
def test_a_handful_of_steps_is_shown_and_never_the_last(engine, steps, expected):
    job = engine.submit(ask("a", steps))
    finish(engine)
    assert previewed(job) == expected
    assert_succeeded(job)


def test_a_preview_is_told_after_its_step_and_before_the_next(engine):
    job = engine.submit(ask("a", 3))
    finish(engine)
    assert job.events[1:-1] == (
        Progress(0, 3),
        Progress(1, 3),
        Previewed(1),
        Progress(2, 3),
        Previewed(2),
        Progress(3, 3),
    )


def test_the_latest_preview_alone_is_kept(engine, model):
    shown = []
    preview = model.preview

    def watch(sample):
        image = preview(sample)
        shown.append(weakref.ref(image))
        return image

    model.preview = watch
    job = engine.submit(ask("a", 30))
    for step in range(1, 31):
        engine.step()
        if step >= 5:
            number, image = job.preview
            assert number == previewed(job)[-1] == image.getpixel((0, 0))[0]
            del image
    assert [image() is None for image in shown] == [True] * 4 + [False]


def test_who_shares_a_batch_has_previews_of_its_own_image_and_time(engine):
    first = engine.submit(ask("first", 3))
    engine.step()
    second = engine.submit(ask("second", 6))
    finish(engine)
    assert previewed(first) == [1, 2]
    assert previewed(second) == [1, 2, 3, 4, 5]
    assert second.preview[1].getpixel((0, 0))[0] == 5


def test_nobodys_progress_and_image_wait_for_a_preview(engine, model):
    seen = []
    short, long = engine.submit(ask("short", 1)), engine.submit(ask("long", 3))
    also_long = engine.submit(ask("also long", 3))
    model.on_stage = lambda stage, prompt: (
        seen.append((short.status, long.progress.step, also_long.progress.step))
        if stage == "preview"
        else None
    )
    engine.step()
    assert seen == [("succeeded", 1, 1)] * 2


def test_a_preview_that_fails_is_logged_once_and_hurts_no_job(engine, caplog):
    jobs = [engine.submit(ask(prompt, 6)) for prompt in ("fails in preview", "a")]
    with caplog.at_level(logging.WARNING):
        finish(engine)
        later = engine.submit(ask("fails in preview", 6))
        finish(engine)
    for job in (*jobs, later):
        assert_succeeded(job)
    assert [previewed(job) for job in (*jobs, later)] == [[], [1, 2, 3, 4, 5], []]
    [record] = caplog.records
    assert "a preview failed" in record.message
    assert record.exc_info


def test_where_memory_is_short_an_image_goes_on_without_its_preview(engine, model):
    def run_out(sample):
        raise MemoryError

    model.preview = run_out
    job = engine.submit(ask("a"))
    finish(engine)
    assert job.preview is None
    assert_succeeded(job)


def test_a_model_may_have_no_preview_yet(engine, model):
    model.preview = lambda sample: None
    job = engine.submit(ask("a"))
    finish(engine)
    assert (previewed(job), job.preview) == ([], None)


def test_a_model_without_previews_is_not_asked(caplog):
    engine = Engine(FakeSDXL())
    job = engine.submit(ask("a"))
    with caplog.at_level(logging.WARNING):
        finish(engine)
    assert job.preview is None
    assert not caplog.records


def test_who_was_cancelled_meanwhile_is_not_shown(engine, model):
    asked = []
    jobs = {prompt: engine.submit(ask(prompt, 3)) for prompt in ("a", "b", "c")}

    def on_stage(stage, prompt):
        if stage == "preview":
            asked.append(prompt)
            jobs["a"].cancel()
            jobs["b"].cancel()

    model.on_stage = on_stage
    engine.step()
    assert asked == ["a", "c"]
    assert jobs["a"].preview is None
    assert [previewed(job) for job in jobs.values()] == [[], [], [1]]


def test_the_steps_of_a_failed_scheduler_are_not_shown(engine):
    job = engine.submit(ask("fails in scheduler at step 1", 3))
    finish(engine)
    assert previewed(job) == [1]
    assert job.status == "failed"


def test_what_no_engine_survives_is_not_swallowed(engine, model):
    def die(sample):
        raise Death

    model.preview = die
    engine.submit(ask("a"))
    with pytest.raises(Death):
        engine.step()


def test_a_forward_in_parts_shows_each_sample_once(model):
    model.memory = 1
    engine = Engine(model)
    jobs = [engine.submit(ask(prompt, 4)) for prompt in "abc"]
    finish(engine)
    assert [previewed(job) for job in jobs] == [[1, 2, 3]] * 3
