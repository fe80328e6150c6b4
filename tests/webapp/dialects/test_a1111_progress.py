"""AUTOMATIC1111's progress and interrupt: each client sees and stops its own images alone."""

import base64
from dataclasses import replace
from io import BytesIO

import pytest
from a1111_requests import INTERRUPT, PROGRESS, SECONDS, TXT2IMG, during, info_of, pngs
from door_keys import ANNA, BERT, basic, door_keys
from PIL import Image

from generator.png import read_parameters

# What happens in the midst of a step, which a replica's desk hears of a moment later.
here = pytest.mark.parametrize("services", ["here"], indirect=True)

HOUSE = {"prompt": "a house", "steps": 4}
IDLE = {
    "progress": 0.0,
    "eta_relative": 0.0,
    "state": {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "",
        "job_count": 0,
        "job_timestamp": "0",
        "job_no": 0,
        "sampling_step": 0,
        "sampling_steps": 0,
    },
    "current_image": None,
    "textinfo": None,
}
ELSEWHERE = {"REMOTE_ADDR": "10.0.0.7"}


def test_without_work_all_is_nought(client):
    client.post(TXT2IMG, json=HOUSE)
    response = client.get(PROGRESS)
    assert response.json == IDLE
    assert response.headers["Cache-Control"] == "no-store"


@here
def test_work_shows_how_far_it_is(client, services):
    seen = during_txt2img(client, services, 2, lambda: client.get(PROGRESS).json)
    assert seen["progress"] == 0.5
    assert seen["eta_relative"] >= 0
    state = seen["state"]
    assert (state["job"], state["job_count"], state["job_no"]) == ("txt2img", 2, 0)
    assert (state["sampling_step"], state["sampling_steps"]) == (2, 4)
    assert not state["interrupted"]


@here
def test_work_that_has_hardly_begun_is_not_taken_for_none(client, services):
    seen = during_txt2img(client, services, 0, lambda: client.get(PROGRESS).json)
    assert seen["progress"] == 0.01
    assert seen["state"]["sampling_steps"] == 4


def during_txt2img(client, services, step, do):
    """What it returned, done while two images are painted."""
    done = during(services, step, do)
    client.post(TXT2IMG, json=HOUSE | {"batch_size": 2})
    return done.result(SECONDS)


@here
@pytest.mark.parametrize(
    ("query", "is_shown"), [("", True), ("?skip_current_image=true", False), ("?x=1", True)]
)
def test_the_latest_preview_is_shown_unless_it_is_not_wanted(client, services, query, is_shown):
    services.generator.model.preview = lambda sample: Image.new("RGB", (8, 8), "teal")
    seen = during_txt2img(client, services, 3, lambda: client.get(PROGRESS + query).json)
    assert bool(seen["current_image"]) == is_shown
    if is_shown:
        preview = Image.open(BytesIO(base64.b64decode(seen["current_image"])))
        assert (preview.format, preview.size) == ("PNG", (8, 8))


@here
@pytest.mark.parametrize(("name", "answer"), [("interrupt", {}), ("skip", None)])
def test_what_is_interrupted_is_answered_without_an_image(client, services, name, answer):
    done = during(services, 1, lambda: client.post(f"/sdapi/v1/{name}").json)
    response = client.post(TXT2IMG, json=HOUSE | {"seed": 7, "batch_size": 2})
    assert done.result(SECONDS) == answer
    assert pngs(response) == []
    assert (info_of(response)["seed"], info_of(response)["all_seeds"]) == (7, [])
    assert services.generator.stats().jobs == 0
    assert client.get(PROGRESS).json == IDLE


@here
def test_images_that_were_ready_are_kept(client, services):
    """Two of three are decoded together: the third ends between them and its own decode."""

    def on_stage(stage, prompt):
        if stage == "decode" and services.generator.model.decodes:
            client.post(INTERRUPT)

    services.generator.model.on_stage = on_stage
    response = client.post(TXT2IMG, json=HOUSE | {"seed": 7, "batch_size": 3})
    assert [read_parameters(png)["Seed"] for png in pngs(response)] == ["7", "8"]
    assert info_of(response)["all_seeds"] == [7, 8]


def test_an_interrupt_shows_until_the_request_is_answered(patient, by_hand):
    jobs = by_hand.generator.reserve(2, " 127.0.0.1")
    with by_hand.automatic1111.holding(jobs):
        assert patient.get(PROGRESS).json["state"]["interrupted"] is False
        patient.post(INTERRUPT)
        seen = patient.get(PROGRESS).json
    assert seen["state"]["interrupted"] is True
    assert (seen["progress"], seen["state"]["job_no"]) == (1.0, 2)
    assert patient.get(PROGRESS).json == IDLE


@here
def test_nobody_sees_or_stops_anothers(client, services):
    def from_elsewhere():
        client.post(INTERRUPT, environ_overrides=ELSEWHERE)
        return client.get(PROGRESS, environ_overrides=ELSEWHERE).json

    done = during(services, 2, from_elsewhere)
    assert len(pngs(client.post(TXT2IMG, json=HOUSE))) == 1
    assert done.result(SECONDS) == IDLE


@here
def test_nor_with_another_key(client, services):
    client.application.extensions["services"] = replace(services, keys=door_keys())

    def with_another_key():
        client.post(INTERRUPT, headers=basic(BERT))
        return client.get(PROGRESS, headers=basic(BERT)).json

    done = during(services, 2, with_another_key)
    assert len(pngs(client.post(TXT2IMG, json=HOUSE, headers=basic(ANNA)))) == 1
    assert done.result(SECONDS) == IDLE


@here
def test_images_of_other_dialects_and_of_the_page_are_not_touched(client, services):
    def look_and_stop():
        client.post(INTERRUPT)
        return client.get(PROGRESS).json

    done = during(services, 2, look_and_stop)
    assert client.get("/generate-image?prompt=x").status_code == 200
    assert done.result(SECONDS) == IDLE
