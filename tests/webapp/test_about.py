"""``/about`` and ``/api``: what runs here, and how programs call it."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fakes import FAKE_INFO
from shared_app import client_of

from webapp.services import ModelCard
from webapp.settings import Settings

CARD = ModelCard("captioner", "a captioner of ours", "cuda:0", "BSD-3-Clause")


@pytest.fixture
def told(by_hand):
    client = client_of(replace(by_hand, models=[CARD]), Settings(max_upload_mb=7))
    client.application.config["API_PORT"] = 5000
    return client


def test_about_names_the_models_their_device_and_licence_and_what_is_kept(told):
    page = told.get("/about").text
    assert "Captioner: a captioner of ours, on cuda:0. Licence: BSD-3-Clause." in page
    assert "the last 200 of all visitors, up to" in page
    assert "512 MB" in page
    assert "A picture may have 7 MB" in page
    assert "addresses of your pictures, those of your last 64" in page
    assert "answers for its images" in page
    assert "scripts/download_models" not in page


def test_about_says_how_long_a_step_takes_once_one_was_painted(told, by_hand):
    assert "painted nothing since it was started" in told.get("/about").text
    by_hand.generator.submit(FAKE_INFO.request("a house"))
    by_hand.generator.step()
    page = told.get("/about").text
    assert re.search(
        r"A step of the painter takes [0-9.e-]+ s now, and an image has\s+4 steps", page
    )


def test_about_says_what_made_the_painter_faster_and_what_did_not(told, by_hand):
    assert "faster" not in told.get("/about").text
    by_hand.generator.model.improve = lambda: None
    by_hand.generator.model.fast_path = SimpleNamespace(
        verdicts=[
            "cudnn attention: adopted, 0.90 of the time for 2",
            "UNet compiled: not adopted, it fails here (no <compiler>)",
        ]
    )
    page = told.get("/about").text
    assert "<li>cudnn attention: adopted, 0.90 of the time for 2</li>" in page
    assert "<li>UNet compiled: not adopted, it fails here (no &lt;compiler&gt;)</li>" in page


def test_about_says_the_same_of_the_captioner(told, by_hand):
    by_hand.captioner.model.verdicts = ("captions in caches of fixed size: adopted, 0.80",)
    assert "<li>captions in caches of fixed size: adopted, 0.80</li>" in told.get("/about").text


def test_about_says_why_a_gpu_that_is_there_is_not_used(by_hand):
    services = replace(by_hand, cuda_problem="Its driver is too old.")
    assert "Its driver is too old." in client_of(services).get("/about").text


def test_about_the_demo_models_says_how_to_load_the_full_ones(client):
    page = client.get("/about").text
    assert "They know drawn scenes, not photos" in page
    assert "<code>scripts/download_models</code>" in page


def test_on_the_api_s_own_port_the_first_page_says_how_to_call_it(told):
    on_api_port = told.get("/", base_url="http://localhost:5000").text
    assert "curl -G http://localhost:5000/generate-image" in on_api_port
    assert 'type="file"' not in on_api_port
    assert 'type="file"' in told.get("/", base_url="http://localhost:8000").text
    assert told.get("/api").text.count("<h1>The image API</h1>") == 1
