"""From a picture to a job, driven step by step: nothing here has a thread but the last tests."""

import logging

import pytest
from fakes import FakeBlip, FakeSDXL
from PIL import Image
from web_client import CAPTION, caption_of

import captioner.engine
import generator.engine
from captioner.request import Caption
from generator.job import Cancelled, Failed, Progress, Queued, Succeeded
from generator.queue import QueueFull
from generator.request import MAX_PROMPT_CHARACTERS
from generator.sentences import MODEL_FAILED
from models_cache.runtime.model_thread import STOPPING, EngineClosed
from webapp import similar
from webapp.captioning import Captioned, Captioning
from webapp.job_store import JobStore
from webapp.order import parse_order
from webapp.services import Services


class Captioner(FakeBlip):
    """Says the same of every picture."""

    def __init__(self, caption):
        super().__init__()
        self.caption = caption

    def caption_batch(self, requests):
        return [Caption(self.caption) for _ in requests]


def picture(color="green"):
    return Image.new("RGB", (20, 10), color)


def over(blip, max_jobs=1):
    return Services(
        captioner.engine.Engine(blip),
        generator.engine.Engine(FakeSDXL(), max_jobs=max_jobs),
        JobStore(),
    )


def start(services, image=None, **fields):
    """The jobs that a form with these fields starts."""
    image = image or picture()
    order = parse_order(fields, services.generator.info, image.size, old_seed=0)
    return similar.start(services, image, order)


def start_one(services, image=None, **fields):
    return start(services, image, **fields)[0]


def start_four(services, image=None, **fields):
    return start(services, image, images="4", **fields)


def finish(services):
    while services.generator.stats().waiting or services.generator.stats().running:
        services.generator.step()


def assert_has_room(services):
    """No place in the queue is still held."""
    assert services.generator.stats().jobs == 0


def test_a_picture_becomes_a_caption_and_the_caption_an_image(by_hand):
    job = start_one(by_hand)
    assert job.events == (Captioning(),)
    by_hand.captioner.step()
    assert job.events[1:] == (Captioned(CAPTION, is_familiar=True), Queued(job.request))
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
    job = start_one(by_hand, **{name: str(value) for name, value in parameters.items()})
    by_hand.captioner.step()
    assert {name: getattr(job.request, name) for name in parameters} == parameters


def test_a_full_queue_refuses_the_picture_before_it_is_captioned(by_hand):
    jobs = [start_one(by_hand) for _ in range(by_hand.generator.max_jobs)]
    with pytest.raises(QueueFull):
        start_one(by_hand)
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == [len(jobs)]


def test_who_has_a_place_keeps_it_however_full_the_queue_is_by_the_time_of_the_caption(by_hand):
    job = start_one(by_hand)
    for _ in range(by_hand.generator.max_jobs - 1):
        by_hand.generator.reserve()
    with pytest.raises(QueueFull):
        by_hand.generator.reserve()
    by_hand.captioner.step()
    finish(by_hand)
    assert isinstance(job.outcome, Succeeded)


def test_a_picture_that_the_captioner_fails_on_fails_alone(by_hand, caplog):
    caplog.set_level(logging.CRITICAL, "captioner")
    poisoned = start_one(by_hand, picture(FakeBlip.poison))
    job = start_one(by_hand)
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
    job = start_one(by_hand)
    by_hand.captioner.step()
    assert job.outcome == Failed(similar.NO_ROOM)
    assert_has_room(by_hand)


@pytest.mark.parametrize("caption", ["", " \n"])
def test_a_picture_without_a_caption_fails(caption):
    services = over(Captioner(caption))
    job = start_one(services)
    services.captioner.step()
    assert job.outcome == Failed(similar.NO_CAPTION)
    assert_has_room(services)


@pytest.mark.parametrize("caption", ["x" * (MAX_PROMPT_CHARACTERS + 1), "half a pair: \ud800"])
def test_a_caption_that_is_no_prompt_fails_the_job_and_frees_its_place(caption):
    services = over(Captioner(caption))
    job = start_one(services)
    services.captioner.step()
    assert job.outcome == Failed(similar.CAPTION_FAILED)
    assert_has_room(services)


def test_a_caption_of_the_longest_prompt_is_one():
    services = over(Captioner("x" * MAX_PROMPT_CHARACTERS))
    job = start_one(services)
    services.captioner.step()
    assert job.status == "queued"


def test_a_generator_that_fails_fails_the_job():
    services = over(Captioner("fails in denoise"))
    job = start_one(services)
    services.captioner.step()
    finish(services)
    assert job.outcome == Failed(MODEL_FAILED)
    assert caption_of(job) == "fails in denoise"


def test_a_job_cancelled_before_its_caption_is_never_captioned(by_hand):
    job = start_one(by_hand)
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
    job = start_one(services)
    services.captioner.step()
    assert job.events == (Captioning(), Cancelled())
    assert services.generator.stats().waiting == 0
    assert_has_room(services)


def test_a_job_cancelled_between_two_steps_makes_no_more(by_hand):
    job = start_one(by_hand)
    by_hand.captioner.step()
    by_hand.generator.step()
    job.cancel()
    finish(by_hand)
    assert job.progress == Progress(1, 4)
    assert job.outcome == Cancelled()


def test_a_closed_captioner_turns_the_picture_away_and_holds_no_place(by_hand):
    by_hand.captioner.close()
    with pytest.raises(EngineClosed):
        start_one(by_hand)
    assert_has_room(by_hand)


def test_a_closed_generator_turns_the_picture_away_before_it_is_captioned(by_hand):
    by_hand.generator.close()
    with pytest.raises(EngineClosed):
        start_one(by_hand)
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []


def test_a_captioner_that_closes_meanwhile_says_so_and_not_that_the_picture_is_bad(by_hand):
    job = start_one(by_hand)
    by_hand.captioner.close()
    assert job.outcome == Failed(STOPPING, stopped=True)


def test_a_generator_that_closes_meanwhile_fails_the_job_and_the_caption_is_not_made(by_hand):
    job = start_one(by_hand)
    by_hand.generator.close()
    by_hand.captioner.step()
    assert job.outcome == Failed(STOPPING, stopped=True)
    assert by_hand.captioner.model.batches == []


def test_with_threads_all_of_it_happens_by_itself(services):
    jobs = [start_one(services, seed=str(seed)) for seed in range(4)]
    outcomes = [job.wait(10) for job in jobs]
    assert [outcome.image.getpixel((0, 0))[0] for outcome in outcomes] == [0, 1, 2, 3]


# Several images in one go


def test_several_images_share_one_caption_and_their_seeds_count_up(by_hand):
    jobs = start_four(by_hand, seed="7")
    assert [job.events for job in jobs] == [(Captioning(),)] * 4
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == [1]
    assert {caption_of(job) for job in jobs} == {CAPTION}
    assert [(job.request.prompt, job.request.seed) for job in jobs] == [
        (CAPTION, seed) for seed in (7, 8, 9, 10)
    ]
    finish(by_hand)
    assert [job.outcome.image.getpixel((0, 0))[0] for job in jobs] == [7, 8, 9, 10]
    assert_has_room(by_hand)


def test_several_images_get_all_their_places_or_none(by_hand):
    assert by_hand.generator.max_jobs == 4
    start_one(by_hand)
    with pytest.raises(QueueFull):
        start_four(by_hand)
    assert by_hand.generator.stats().jobs == 1
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == [1]  # nothing was left of those that were refused
    assert len(start(by_hand, images="2")) == 2


def test_one_of_several_that_is_cancelled_leaves_the_others(by_hand):
    first, *others = start_four(by_hand)
    first.cancel()
    by_hand.captioner.step()
    finish(by_hand)
    assert first.events == (Captioning(), Cancelled())
    assert all(isinstance(job.outcome, Succeeded) for job in others)
    assert_has_room(by_hand)


def test_when_all_of_several_are_cancelled_their_caption_is_not_made(by_hand):
    for job in start_four(by_hand):
        job.cancel()
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []
    assert_has_room(by_hand)


@pytest.mark.parametrize("captioner", ["fails", "has no words", "closes"])
def test_without_a_caption_all_of_several_fail_alike(caplog, captioner):
    caplog.set_level(logging.CRITICAL, "captioner")
    services = over(Captioner("") if captioner == "has no words" else FakeBlip(), max_jobs=4)
    jobs = start_four(services, picture(FakeBlip.poison))
    services.captioner.close() if captioner == "closes" else services.captioner.step()
    failure = {
        "fails": Failed(similar.CAPTION_FAILED),
        "has no words": Failed(similar.NO_CAPTION),
        "closes": Failed(STOPPING, stopped=True),
    }
    assert [job.outcome for job in jobs] == [failure[captioner]] * 4
    assert_has_room(services)
