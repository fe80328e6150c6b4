"""What waited or ran when the server ended is queued again by the next start."""

import re
from dataclasses import replace

import pytest
from fakes import FAKE_INFO, FakeSDXL
from web_client import CAPTION, caption_of, job_of, picture, upload

from generator.job import Failed, Succeeded
from webapp.captioning import Captioning
from webapp.keep.resume import MOST_TRIES, TOO_OFTEN


def pixels(job):
    assert isinstance(job.outcome, Succeeded), job.outcome
    return job.outcome.image.tobytes()


def alone(**fields):
    """The image of a job that nothing interrupts."""
    request = FAKE_INFO.request(CAPTION, **fields)
    return FakeSDXL()._image(request).tobytes()


def test_a_job_that_was_painted_is_painted_again_with_the_same_image(start):
    now = start()
    [job] = now.send(seed="7", guidance_scale="2.5", width="32", height="48")
    now.caption()
    now.services.generator.step()
    assert job.progress.step == 1
    now = start.after(now)
    [again] = now.same([job])
    assert again.request == job.request
    assert caption_of(again) == CAPTION
    now.paint()
    assert now.services.captioner.model.batches == []
    assert pixels(again) == alone(seed=7, width=32, height=48)


def test_jobs_that_waited_for_a_caption_wait_for_one_again_together(start):
    now = start()
    fields = {"prefix": "a photo of", "keep_tics": "yes", "seed": "7"}
    jobs = now.send(images="4", **fields)
    jobs[1].cancel()
    now = start.after(now)
    again = now.same(jobs)
    assert [job.status for job in again] == ["captioning", "cancelled", *["captioning"] * 2]
    assert again[0].events == (Captioning(),)
    now.caption()
    now.paint()
    assert now.services.captioner.model.batches == [1]
    left = [job for job in again if job is not again[1]]
    assert [job.request.seed for job in left] == [7, 9, 10]
    assert {job.request.prompt for job in left} == {f"a photo of {CAPTION}"}
    assert all(isinstance(job.outcome, Succeeded) for job in left)


def test_the_order_in_which_they_came_stays(start):
    now = start()
    prompts = [f"prompt {number}" for number in range(4)]
    for prompt in prompts:
        now.send(prompt=prompt, num_inference_steps="1")
    now = start.after(now, max_batch_size=1)
    now.paint()
    assert now.services.generator.model.batches == [[prompt] for prompt in prompts]


def test_clients_still_take_turns(start):
    now = start()
    for number, address in enumerate(["192.0.2.1"] * 3 + ["192.0.2.2"]):
        now.client.environ_base["REMOTE_ADDR"] = address
        now.send(prompt=f"{address} {number}", num_inference_steps="1")
    now = start.after(now, max_batch_size=1)
    now.paint()
    [second] = now.services.generator.model.batches[1]
    assert second == "192.0.2.2 3"


def test_a_page_that_was_further_follows_from_the_first(start):
    now = start()
    [job] = now.send()
    now.caption()
    now = start.after(now)
    stream = iter(now.client.get(f"/jobs/{job.id}/events", headers={"Last-Event-ID": "7"}).response)
    assert next(stream).startswith(b":")
    assert b"event: captioned" in next(stream)


def test_what_a_program_waited_for_is_not_painted_again(start):
    now = start()
    now.services.generator.submit(FAKE_INFO.request("of a program"))
    [ours] = now.send()
    now = start.after(now)
    assert now.services.generator.stats().jobs == 1
    assert now.same([ours])


def test_what_was_cancelled_or_deleted_is_not_painted_again(start):
    now = start()
    [[cancelled], [deleted]] = [now.send(), now.send()]
    now.save()
    now.client.post(f"/jobs/{cancelled.id}/cancel")
    now.client.post(f"/jobs/{deleted.id}/delete")
    now = start.after(now)
    assert now.services.generator.stats().jobs == 0
    assert now.same([cancelled])[0].status == "cancelled"
    assert now.client.get(f"/jobs/{deleted.id}").status_code == 404


def test_what_an_orderly_end_cuts_is_painted_by_the_next_start(start):
    now = start()
    [job] = now.send()
    now.caption()
    now.services.captioner.close()
    now.services.generator.close()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.stopped
    now = start.after(now)
    now.paint()
    assert pixels(now.same([job])[0])


@pytest.mark.slow
def test_what_ends_the_server_each_time_is_given_up(start):
    now = start()
    [job] = now.send()
    for _ in range(MOST_TRIES):
        now = start.after(now)
        assert not now.same([job])[0].is_finished
    now = start.after(now)
    [given_up] = now.same([job])
    assert given_up.outcome == Failed(TOO_OFTEN)
    now = start.after(now)
    assert now.same([job])[0].outcome == Failed(TOO_OFTEN)
    assert now.services.generator.stats().jobs == 0


def test_what_another_model_cannot_paint_is_told(start):
    now = start()
    [large], [small] = now.send(width="128", height="128"), now.send(width="64", height="64")
    now = start.after(now, model=FakeSDXL(replace(FAKE_INFO, largest_size=64)))
    now.caption()
    now.paint()
    failed, painted = now.same([large, small])
    assert failed.outcome.error == (
        "This cannot be painted after a new start: width must be a multiple of 8 from 16 to 64"
        " pixels."
    )
    assert isinstance(painted.outcome, Succeeded)


def test_more_than_the_queue_takes_are_told(start):
    now = start()
    jobs = [now.send()[0] for _ in range(3)]
    now = start.after(now, max_jobs=2)
    assert [job.status for job in now.same(jobs)] == ["captioning", "captioning", "failed"]
    assert now.same(jobs)[2].outcome.error.startswith("The queue is full")


def test_the_log_tells_of_their_end_without_a_prompt(start, caplog):
    caplog.set_level("INFO", "webapp.logs")
    now = start()
    now.client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    [job] = now.send(prompt="canary")
    now = start.after(now)
    caplog.clear()
    now.paint()
    [line] = [each for each in caplog.messages if each.startswith("job ")]
    assert re.fullmatch(rf"job {job.short_id} succeeded after \d+ ms 192\.0\.2\.1", line)


@pytest.mark.slow
def test_a_large_picture_that_waited_is_captioned_from_its_saved_copy(start):
    now = start()
    job = job_of(now.services, upload(now.client, picture(3000, 1000)))
    now = start.after(now)
    now.caption()
    assert caption_of(now.same([job])[0]) == "a picture of 2048x683"
