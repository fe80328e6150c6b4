"""The form: what it shows, and uploads that use it as it is meant."""

import pytest
from fakes import FakeBlip
from shared_app import client_of
from web_client import (
    SECONDS,
    alert,
    assert_form_again,
    assert_no_job,
    caption_of,
    job_of,
    picture,
    upload,
    value_of,
)

import captioner.engine
from captioner.request import Caption
from generator.job import Succeeded
from models_cache.runtime.model_thread import STOPPING
from webapp.job_store import JobStore
from webapp.services import Services


def test_the_form_asks_for_a_picture_and_shows_the_models_defaults(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert alert(response) is None
    assert 'enctype="multipart/form-data"' in response.text
    assert 'placeholder="4"' in response.text  # steps
    assert 'placeholder="5.0"' in response.text  # guidance


def test_an_upload_is_sent_to_its_jobs_page_at_once(patient, by_hand):
    response = upload(patient)
    assert response.status_code == 303
    job = job_of(by_hand, response)
    assert response.location == f"/jobs/{job.id}"
    assert job.status == "captioning"


def test_an_upload_becomes_a_caption_and_an_image(client, services):
    job = job_of(services, upload(client))
    outcome = job.wait(SECONDS)
    assert caption_of(job) == "a picture of 20x10"
    assert isinstance(outcome, Succeeded)
    assert outcome.image.size == (64, 64)


def test_the_options_of_the_form_reach_the_request(client, services):
    parameters = {
        "negative_prompt": "text, café",
        "num_inference_steps": "2",
        "guidance_scale": "1.5",
        "seed": "7",
        "width": "32",
        "height": "48",
    }
    job = job_of(services, upload(client, **parameters))
    job.wait(SECONDS)
    request = job.request
    assert {name: str(getattr(request, name)) for name in parameters} == parameters


def test_a_blank_field_takes_its_default(client, services):
    blank = dict.fromkeys(("negative_prompt", "num_inference_steps", "guidance_scale", "seed"), " ")
    job = job_of(services, upload(client, **blank))
    job.wait(SECONDS)
    assert job.request.negative_prompt is None
    assert job.request.num_inference_steps == 4


def test_two_uploads_without_a_seed_get_two(client, services):
    jobs = [job_of(services, upload(client)) for _ in range(2)]
    for job in jobs:
        job.wait(SECONDS)
    assert jobs[0].request.seed != jobs[1].request.seed


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_pictures_of_every_kind_are_read_whatever_their_name(patient, kind):
    assert upload(patient, picture(kind=kind)).status_code == 303


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b"hello", "not an image of a known format"),
        (b"<html></html>", "a web page"),
        (picture()[:40], "damaged, incomplete"),
        (picture(kind="JPEG")[:200], "damaged, incomplete"),
    ],
)
def test_a_file_that_is_no_picture_shows_the_form_again_with_one_sentence(
    patient, by_hand, data, words
):
    response = upload(patient, data)
    assert words in alert(response)
    assert_form_again(response, 400, alert(response))
    assert_no_job(by_hand)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("num_inference_steps", "0", "Steps must be a whole number from 1 to 200, not 0."),
        ("num_inference_steps", "many", "Steps must be a whole number from 1 to 200, not 'many'."),
        ("guidance_scale", "nan", "Guidance must be a number from 0 to 50, not 'nan'."),
        ("seed", "-2", "Seed must be a whole number from 0 to 9223372036854775807, not -2."),
        ("negative_prompt", "x" * 3000, "Avoid has 3000 characters: at most 2000 are allowed."),
    ],
)
def test_a_wrong_value_is_told_by_its_fields_label_and_what_was_typed_stays(
    patient, by_hand, field, text, sentence
):
    typed = {"negative_prompt": 'a "frame"', "seed": "7", field: text}
    response = upload(patient, **typed)
    assert_form_again(response, 400, sentence)
    assert f'<label class="field">{sentence.split()[0]}\n' in response.text
    assert {name: value_of(response, name) for name in typed} == typed
    assert '<details class="options-fold" open>' in response.text
    assert_no_job(by_hand)


def test_what_was_typed_is_escaped(patient):
    attack = '"><script>alert(1)</script>'
    response = upload(patient, seed=attack, negative_prompt=attack)
    assert response.status_code == 400
    assert "<script>alert" not in response.text
    assert value_of(response, "seed") == attack
    assert "script" in alert(response)


def test_a_full_queue_says_when_to_come_back_and_keeps_what_was_typed(patient, by_hand):
    for _ in range(by_hand.generator.max_jobs):
        by_hand.generator.reserve()[0]
    response = upload(patient, seed="7")
    assert_form_again(response, 429, "The queue is full: try again in 10 seconds.")
    assert response.headers["Retry-After"] == "10"
    assert value_of(response, "seed") == "7"


@pytest.mark.parametrize("engine", ["captioner", "generator"])
def test_a_closed_engine_is_a_503_that_says_when_to_come_back(patient, by_hand, engine):
    getattr(by_hand, engine).close()
    response = upload(patient)
    assert_form_again(response, 503, STOPPING)
    assert response.headers["Retry-After"] == "60"
    assert_no_job(by_hand)


def test_a_caption_of_markup_is_text(by_hand):
    attack = '<script>alert(1)</script>" onerror="alert(2)'

    class Attacker(FakeBlip):
        def caption_batch(self, requests):
            return [Caption(attack) for _ in requests]

    services = Services(captioner.engine.Engine(Attacker()), by_hand.generator, JobStore())
    client = client_of(services)
    response = upload(client)
    job = job_of(services, response)
    services.captioner.step()
    waiting = client.get(response.location).text
    while not job.is_finished:
        services.generator.step()
    for page in (waiting, client.get(response.location).text):
        assert "<script>alert" not in page
        assert '" onerror' not in page
        assert "&lt;script&gt;alert(1)" in page
    events = client.get(f"{response.location}/events").text
    assert len(events.splitlines()) == 4 * len(job.events) + 2


def test_looking_at_the_form_costs_nothing(patient, by_hand):
    assert patient.head("/").status_code == 200
    assert patient.get("/?prompt=x&seed=1").status_code == 200
    assert_no_job(by_hand)
