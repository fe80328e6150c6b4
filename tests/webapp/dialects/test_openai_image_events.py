"""OpenAI's stream of images: partial images from previews, the image, and what ends a stream."""

from dataclasses import replace
from io import BytesIO
from threading import BoundedSemaphore, Timer

import pytest
from fakes import FAKE_INFO, PreviewingSDXL
from openai_answers import GENERATIONS, VARIATIONS, event_of, image_of, told
from PIL import Image
from web_client import CAPTION, picture

import generator.engine
from generator.job import Job, Queued
from webapp.dialects.image_format import PNG
from webapp.dialects.job_stream import ALIVE
from webapp.dialects.openai_image_events import ImageEvents
from webapp.dialects.openai_image_options import Delivery

PARTIAL = "image_generation.partial_image"
COMPLETED = "image_generation.completed"
STOPPING = "The server is stopping: try again in a minute."


@pytest.fixture
def site(by_hand, patient):
    """Services of a painter that shows previews after each of six steps.

    What waits for it all the same, because something is broken, is failed after ten seconds.
    """
    engine = generator.engine.Engine(PreviewingSDXL(), max_jobs=4)
    services = replace(by_hand, generator=engine, streams=BoundedSemaphore(1))
    patient.application.extensions["services"] = services
    rescue = Timer(10, engine.close)
    rescue.start()
    yield services
    rescue.cancel()
    assert services.streams.acquire(blocking=False), "a stream that ended is still counted"


def ask(patient, **fields):
    body = {"prompt": "a house", "stream": True, "num_inference_steps": 6, "seed": 7}
    return patient.post(GENERATIONS, json=body | fields)


def read(response, services, steps=()):
    """All events; one of them is read after each of these steps, and the others at the end."""
    texts = (chunk.decode() for chunk in response.response)
    assert next(texts) == ALIVE
    done, events = 0, []
    for step in steps:
        while done < step:
            services.generator.step()
            done += 1
        events.append(event_of(next(texts)))
    while services.generator.stats().jobs:
        services.generator.step()
    return events + [event_of(text) for text in texts]


@pytest.mark.parametrize(
    ("partial_images", "steps"), [(None, []), (0, []), (1, [3]), (2, [2, 4]), (3, [2, 3, 5])]
)
def test_partial_images_are_spread_over_the_steps(site, patient, partial_images, steps):
    with ask(patient, partial_images=partial_images) as response:
        *partial, completed = read(response, site, steps)
    assert [event["type"] for event in partial] == [PARTIAL] * len(steps)
    assert [event["partial_image_index"] for event in partial] == list(range(len(steps)))
    # The fake painter's previews are as red as steps are done.
    assert [image_of(event).getpixel((5, 5)) for event in partial] == [(n, 100, 200) for n in steps]
    assert (completed["type"], image_of(completed).getpixel((5, 5))) == (COMPLETED, (7, 100, 200))


def test_an_event_says_all_that_clients_look_up(site, patient):
    with ask(patient, partial_images=1, output_format="webp", size="32x48") as response:
        assert response.mimetype == "text/event-stream"
        partial, completed = read(response, site, [3])
    for event in (partial, completed):
        assert image_of(event).size == (32, 48)
        assert image_of(event).format == "WEBP"
        assert (event["size"], event["output_format"]) == ("32x48", "webp")
        assert (event["quality"], event["background"], event["seed"]) == ("auto", "opaque", 7)
        assert event["created_at"] > 1_700_000_000
    assert completed["usage"]["total_tokens"] == 0


def test_who_reads_late_gets_the_image_alone(site, patient):
    with ask(patient, partial_images=3) as response:
        site.generator.step()
        assert [event["type"] for event in read(response, site)] == [COMPLETED]


def test_several_images_come_one_after_the_other(site, patient):
    with ask(patient, n=2) as response:
        events = read(response, site)
    assert [(event["type"], event["seed"]) for event in events] == [(COMPLETED, 7), (COMPLETED, 8)]


def test_a_variation_can_be_followed_too(site, patient):
    form = {"image": (BytesIO(picture()), "a"), "stream": "true", "n": "1"}
    with patient.post(VARIATIONS, data=form) as response:
        site.captioner.step()
        [event] = read(response, site)
    assert (event["type"], event["revised_prompt"]) == (COMPLETED, CAPTION)


def test_a_job_that_fails_ends_the_stream_with_an_error_and_all_others(site, patient):
    with ask(patient, prompt="fails in denoise at step 2", n=2) as response:
        [event] = read(response, site)
    assert event["error"]["message"].startswith("The model failed on this request")
    assert event["error"]["type"] == "server_error"


def test_a_server_that_stops_ends_the_stream_with_a_sentence(site, patient):
    with ask(patient) as response:
        site.generator.close()
        [event] = read(response, site)
    assert event["error"]["message"] == STOPPING


@pytest.mark.parametrize("parts", [0, 1])
def test_a_reader_that_leaves_takes_its_jobs_along(site, patient, parts):
    response = ask(patient, n=3)
    stream = iter(response.response)
    for _ in range(parts):
        next(stream)
    assert site.generator.stats().jobs == 3
    response.close()
    assert site.generator.stats().jobs == 0


def test_too_many_streams_are_turned_away_until_one_ends(site, patient):
    with ask(patient):
        status, _, message = told(ask(patient))
        assert (status, message[:26]) == (503, "Too many streams are open:")
        assert site.generator.stats().jobs == 1
    with ask(patient) as response:
        assert response.status_code == 200


def test_a_stream_that_is_refused_a_place_in_the_queue_is_not_counted(site, patient):
    site.generator.reserve(4)
    assert told(ask(patient))[0] == 429


def test_no_partial_image_comes_before_its_time(site, patient):
    job = site.generator.submit(FAKE_INFO.request("a house", num_inference_steps=6))
    events = ImageEvents(Delivery(PNG, None, True, 1), patience_seconds=0.001).tell([job])
    site.generator.step()
    site.generator.step()
    assert next(events) == ALIVE
    site.generator.step()
    with patient.application.app_context():
        assert event_of(next(events))["type"] == PARTIAL
    job.cancel()


def test_a_preview_of_the_last_step_is_no_partial_image_too_many():
    job = Job()
    job.publish(Queued(FAKE_INFO.request("a house", num_inference_steps=6)))
    job.publish_preview(6, Image.new("RGB", (1, 1)))
    events = ImageEvents(Delivery(PNG, None, True, 0), patience_seconds=0.001).tell([job])
    assert next(events) == ALIVE


def test_quiet_streams_are_told_that_they_live():
    events = ImageEvents(Delivery(PNG, None, True, 0), patience_seconds=0.001).tell([Job()])
    assert [next(events), next(events)] == [ALIVE, ALIVE]
