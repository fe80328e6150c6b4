"""From a picture to a job, driven step by step: nothing here has a thread but the last tests."""

import logging

import pytest
from fakes import FakeBlip, FakeSDXL
from PIL import Image

import captioner.engine
import generator.engine
from generator.engine import MODEL_FAILED, QueueFull
from generator.job import Cancelled, Failed, Progress, Queued, Succeeded
from generator.request import MAX_PROMPT_CHARACTERS, InvalidRequest
from models_cache.runtime.model_thread import STOPPING, EngineClosed
from webapp import similar
from webapp.captioning import Captioned, Captioning, caption_of
from webapp.job_store import JobStore
from webapp.services import Services

CAPTION = "a picture of 20x10"


class Captioner(FakeBlip):
    """Says the same of every picture."""

    def __init__(self, caption):
        super().__init__()
        self.caption = caption

    def caption_batch(self, requests):
        return [self.caption for _ in requests]


def picture(color="green"):
    return Image.new("RGB", (20, 10), color)


def over(blip):
    return Services(
        captioner.engine.Engine(blip), generator.engine.Engine(FakeSDXL(), max_jobs=1), JobStore()
    )


def finish(services):
    while services.generator.stats().waiting or services.generator.stats().running:
        services.generator.step()


def assert_has_room(services):
    """No place in the queue is still held."""
    assert services.generator.stats().jobs == 0


def test_a_picture_becomes_a_caption_and_the_caption_an_image(by_hand):
    job = similar.start(by_hand, picture(), {})
    assert job.events == (Captioning(),)
    by_hand.captioner.step()
    assert job.events[1:] == (Captioned(CAPTION), Queued(job.request))
    assert job.request.prompt == CAPTION
    finish(by_hand)
    assert isinstance(job.outcome, Succeeded)
    assert_has_room(by_hand)


def test_parameters_reach_the_request(by_hand):
    parameters = {
        "negative_prompt": "text",
        "num_inference_steps": 2,
        "guidance_scale": 1.5,
        "seed": 7,
        "width": 32,
        "height": 48,
    }
    job = similar.start(by_hand, picture(), parameters)
    by_hand.captioner.step()
    assert {name: getattr(job.request, name) for name in parameters} == parameters


def test_a_wrong_parameter_is_refused_before_anything_begins(by_hand):
    for parameters in (
        {"width": 63},
        {"seed": "x"},
        {"colour": "red"},
        {"negative_prompt": "x" * 3000},
    ):
        with pytest.raises(InvalidRequest) as refused:
            similar.start(by_hand, picture(), parameters)
        assert refused.value.field in parameters
    assert_has_room(by_hand)


def test_the_prompt_is_the_captions_and_nobody_elses(by_hand):
    with pytest.raises(InvalidRequest, match="caption") as refused:
        similar.start(by_hand, picture(), {"prompt": "a cat"})
    assert refused.value.field == "prompt"


def test_a_full_queue_refuses_the_picture_before_it_is_captioned(by_hand):
    jobs = [similar.start(by_hand, picture(), {}) for _ in range(by_hand.generator.max_jobs)]
    with pytest.raises(QueueFull):
        similar.start(by_hand, picture(), {})
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == [len(jobs)]


def test_who_has_a_place_keeps_it_however_full_the_queue_is_by_the_time_of_the_caption(by_hand):
    job = similar.start(by_hand, picture(), {})
    for _ in range(by_hand.generator.max_jobs - 1):
        by_hand.generator.reserve()
    with pytest.raises(QueueFull):
        by_hand.generator.reserve()
    by_hand.captioner.step()
    finish(by_hand)
    assert isinstance(job.outcome, Succeeded)


def test_a_picture_that_the_captioner_fails_on_fails_alone(by_hand, caplog):
    caplog.set_level(logging.CRITICAL, "captioner")
    poisoned = similar.start(by_hand, picture(FakeBlip.poison), {})
    job = similar.start(by_hand, picture(), {})
    by_hand.captioner.step()
    assert poisoned.outcome == Failed(similar.CAPTION_FAILED)
    assert caption_of(poisoned) is None
    finish(by_hand)
    assert isinstance(job.outcome, Succeeded)
    assert_has_room(by_hand)


def test_a_caption_that_finds_no_memory_says_so(by_hand, monkeypatch):
    def run_out(requests):
        raise MemoryError("CUDA out of memory")

    monkeypatch.setattr(by_hand.captioner.model, "caption_batch", run_out)
    job = similar.start(by_hand, picture(), {})
    by_hand.captioner.step()
    assert job.outcome == Failed(similar.NO_ROOM)
    assert_has_room(by_hand)


@pytest.mark.parametrize("caption", ["", " \n"])
def test_a_picture_without_a_caption_fails(caption):
    services = over(Captioner(caption))
    job = similar.start(services, picture(), {})
    services.captioner.step()
    assert job.outcome == Failed(similar.NO_CAPTION)
    assert_has_room(services)


@pytest.mark.parametrize("caption", ["word " * MAX_PROMPT_CHARACTERS, "half a pair: \ud800"])
def test_a_caption_that_is_no_prompt_fails_the_job_and_frees_its_place(caption):
    services = over(Captioner(caption))
    job = similar.start(services, picture(), {})
    services.captioner.step()
    assert job.outcome == Failed(similar.CAPTION_FAILED)
    assert_has_room(services)


def test_a_caption_of_the_longest_prompt_is_one():
    services = over(Captioner("x" * MAX_PROMPT_CHARACTERS))
    job = similar.start(services, picture(), {})
    services.captioner.step()
    assert job.status == "queued"


def test_a_generator_that_fails_fails_the_job():
    services = over(Captioner("fails in denoise"))
    job = similar.start(services, picture(), {})
    services.captioner.step()
    finish(services)
    assert job.outcome == Failed(MODEL_FAILED)
    assert caption_of(job) == "fails in denoise"


def test_a_job_cancelled_before_its_caption_is_never_captioned(by_hand):
    job = similar.start(by_hand, picture(), {})
    assert job.cancel()
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []
    assert job.events == (Captioning(), Cancelled())
    assert_has_room(by_hand)


def test_a_job_cancelled_while_it_is_captioned_is_never_painted():
    class CancelsMeanwhile(FakeBlip):
        def caption_batch(self, requests):
            job.cancel()
            return super().caption_batch(requests)

    services = over(CancelsMeanwhile())
    job = similar.start(services, picture(), {})
    services.captioner.step()
    assert job.events == (Captioning(), Cancelled())
    assert services.generator.stats().waiting == 0
    assert_has_room(services)


def test_a_job_cancelled_between_two_steps_makes_no_more(by_hand):
    job = similar.start(by_hand, picture(), {})
    by_hand.captioner.step()
    by_hand.generator.step()
    job.cancel()
    finish(by_hand)
    assert job.progress == Progress(1, 4)
    assert job.outcome == Cancelled()


def test_a_closed_captioner_turns_the_picture_away_and_holds_no_place(by_hand):
    by_hand.captioner.close()
    with pytest.raises(captioner.engine.EngineClosed):
        similar.start(by_hand, picture(), {})
    assert_has_room(by_hand)


def test_a_closed_generator_turns_the_picture_away_before_it_is_captioned(by_hand):
    by_hand.generator.close()
    with pytest.raises(EngineClosed):
        similar.start(by_hand, picture(), {})
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []


def test_a_captioner_that_closes_meanwhile_says_so_and_not_that_the_picture_is_bad(by_hand):
    job = similar.start(by_hand, picture(), {})
    by_hand.captioner.close()
    assert job.outcome == Failed(STOPPING, stopped=True)


def test_a_generator_that_closes_meanwhile_fails_the_job_and_the_caption_is_not_made(by_hand):
    job = similar.start(by_hand, picture(), {})
    by_hand.generator.close()
    by_hand.captioner.step()
    assert job.outcome == Failed(STOPPING, stopped=True)
    assert by_hand.captioner.model.batches == []


def test_with_threads_all_of_it_happens_by_itself(services):
    jobs = [similar.start(services, picture(), {"seed": seed}) for seed in range(4)]
    outcomes = [job.wait(10) for job in jobs]
    assert [outcome.image.getpixel((0, 0))[0] for outcome in outcomes] == [0, 1, 2, 3]
