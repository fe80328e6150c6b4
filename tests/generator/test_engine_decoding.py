"""What finishes together is decoded together, a few at a time, and nobody pays for a neighbour."""

from painting_engine import ask, assert_succeeded, finish

from generator.job import Cancelled, Failed
from generator.sentences import MODEL_FAILED, NO_ROOM


def submit(engine, prompts, steps=2, **parameters):
    return [engine.submit(ask(prompt, steps, **parameters)) for prompt in prompts]


def test_as_many_as_the_model_says_share_a_decode(engine, model):
    jobs = submit(engine, "abcde")
    finish(engine)
    assert model.decodes == [["a", "b"], ["c", "d"], ["e"]]
    for job in jobs:
        assert_succeeded(job)


def test_each_gets_its_own_image(engine):
    jobs = [engine.submit(ask("a", 2, seed=seed)) for seed in (7, 8, 9)]
    finish(engine)
    assert [job.outcome.image.getpixel((0, 0))[0] for job in jobs] == [7, 8, 9]


def test_images_of_two_sizes_are_decoded_apart(engine, model):
    submit(engine, "ab", width=32)
    submit(engine, "c")
    finish(engine)
    assert model.decodes == [["a", "b"], ["c"]]


def test_an_image_does_not_wait_for_the_decode_of_the_next_few(engine, model):
    jobs = submit(engine, "abcd", steps=1)
    seen = {}
    model.on_stage = lambda stage, prompt: seen.update(
        {(stage, prompt): [job.status for job in jobs]}
    )
    engine.step()
    assert seen["decode", "a"] == ["running"] * 4
    assert seen["decode", "c"] == ["succeeded"] * 2 + ["running"] * 2


def test_who_was_cancelled_during_the_decode_before_is_not_decoded(engine, model):
    jobs = submit(engine, "abcd", steps=1)
    model.on_stage = lambda stage, prompt: (stage, prompt) == ("decode", "a") and jobs[2].cancel()
    engine.step()
    assert jobs[2].outcome == Cancelled()
    assert model.decodes == [["a", "b"], ["d"]]


def test_a_decode_that_fails_is_done_again_for_each(engine, model):
    culprit, neighbour, other = submit(engine, ["fails in decode", "b", "c"])
    finish(engine)
    assert culprit.outcome == Failed(MODEL_FAILED)
    assert_succeeded(neighbour)
    assert_succeeded(other)
    assert model.decodes == [["b"], ["c"]]
    assert (engine.stats().total_images, engine.stats().total_failures) == (2, 1)


def test_where_one_decode_has_no_room_for_two_each_has_its_own(engine, model):
    jobs = submit(engine, "ab", steps=1)
    model.on_stage = lambda stage, prompt: stage == "decode" and setattr(model, "memory", 1)
    engine.step()
    assert model.decodes == [["a"], ["b"]]
    for job in jobs:
        assert_succeeded(job)


def test_where_one_decode_has_no_room_for_one_it_is_told(engine, model):
    [job] = submit(engine, "a", steps=1)
    model.on_stage = lambda stage, prompt: stage == "decode" and setattr(model, "memory", 0)
    engine.step()
    assert job.outcome == Failed(NO_ROOM.format(width=64, height=64))
