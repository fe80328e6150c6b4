"""``/status``: what the owner sees."""

import logging
import re
from dataclasses import replace

from door_keys import ANNA, bearer
from fakes import FAKE_INFO
from shared_app import client_of
from web_client import upload

from webapp.services import GpuMemory, ModelCard


def words(client, **options):
    """The page's words, each line of its source as one with single spaces."""
    return " ".join(re.sub("<[^>]+>", " ", client.get("/status", **options).text).split())


def test_it_is_a_page_without_scripts_that_nobody_keeps(patient):
    response = patient.get("/status")
    assert "<h1>Status</h1>" in response.text
    assert "<script" not in response.text
    assert "<script" in patient.get("/about").text
    assert response.headers["Cache-Control"] == "no-store"


def test_it_needs_a_key_if_there_is_a_key_file(locked):
    assert locked.get("/status").status_code == 401
    assert "Jobs under way" in words(locked, headers=bearer(ANNA))


def test_about_leads_to_it(patient):
    assert 'href="/status"' in patient.get("/about").text


def test_the_queue_and_what_runs(patient, by_hand):
    upload(patient)
    for prompt in ("a house", "a cat"):
        by_hand.generator.submit(FAKE_INFO.request(prompt))
    page = words(patient)
    assert "Jobs under way: 3 of at most 4" in page
    assert "Pictures that wait for a caption: 1" in page
    assert "Jobs that wait for the painter: 2" in page
    by_hand.generator.step()
    page = words(patient)
    assert "Jobs that wait for the painter: 0" in page
    assert "Running: 2; the last batch had 2" in page


def test_the_work_so_far_and_how_long_a_step_takes(patient, by_hand):
    assert "A step takes a time that is not known yet" in words(patient)
    job = by_hand.generator.submit(FAKE_INFO.request("a house"))
    by_hand.generator.submit(FAKE_INFO.request("fails in denoise"))
    while not job.is_finished:
        by_hand.generator.step()
    page = words(patient)
    assert "Captions: 0. Images: 1. Steps: 4" in page
    assert re.search(r"A step takes [0-9.e-]+ s now", page)
    assert re.search(r"Seconds of denoise: \d+\.\d", page)
    assert "Failures (denoise): 1" in page
    assert "Failures (decode)" not in page


def test_memory_versions_and_models(by_hand):
    card = ModelCard("captioner", "a captioner of ours", "cuda:0", "MIT")
    memory = GpuMemory(8_000_000_000, 9_500_000_000, 24_000_000_000)
    client = client_of(replace(by_hand, models=[card], gpu_memory=lambda: memory))
    page = words(client)
    assert "GPU: 8.00 GB used, 9.50 GB held, of 24.00 GB" in page
    assert "Captioner: a captioner of ours, on cuda:0" in page
    for name, version in client.application.config["VERSIONS"].items():
        assert f"{name} {version}" in page
    assert "GPU:" not in words(client_of(by_hand))


def test_how_the_models_are(client, patient):
    assert "Both models are warm." in words(client)
    assert "An engine does not run: start the server anew." in words(patient)


def test_the_last_errors_of_the_log(patient, by_hand):
    assert "There were none." in words(patient)
    log = logging.Logger("x")
    log.addHandler(by_hand.recent)
    log.warning("the older")
    try:
        raise RuntimeError("a prompt")
    except RuntimeError:
        log.exception("<b>the newer</b>")
    page = patient.get("/status").text
    assert "There were none." not in page
    assert "error: &lt;b&gt;the newer&lt;/b&gt;" in page
    assert "(RuntimeError)" in page
    assert "a prompt" not in page
    assert page.index("the newer") < page.index("the older")


def test_replicas_are_counted_where_there_are_any(client, services):
    line = "Replicas of the painter that can be reached: 1"
    number = "\nlookalike_replicas 1.0\n"
    is_elsewhere = services.generator.replicas is not None
    assert (line in words(client)) == is_elsewhere
    assert (number in client.get("/metrics").text) == is_elsewhere
    assert ("the last batch had" in words(client)) != is_elsewhere


def test_a_phase_is_told_once_it_took_time(client, services):
    """A replica's phases are its own."""
    assert "Seconds of" not in words(client)
    services.generator.submit(FAKE_INFO.request("a house")).wait()
    assert ("Seconds of denoise" in words(client)) == (services.generator.replicas is None)
