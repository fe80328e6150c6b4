"""Ollama's dialect: pictures are captioned, in one piece or as JSON lines, and models are named."""

import base64
import json
from dataclasses import replace
from datetime import datetime

import pytest
from door_keys import ANNA, bearer
from elsewhere import model_of
from web_client import CAPTION, picture

from webapp.dialects.prefix import prefix_of
from webapp.services import ModelCard

PICTURE = base64.b64encode(picture()).decode()
GREEN_30 = base64.b64encode(picture(30)).decode()
# What PhotoPrism sends for a caption: its own defaults, for a picture of 720 pixels.
PHOTOPRISM = {
    "model": "blip:latest",
    "prompt": "Create a caption with exactly one sentence in the active voice that describes the"
    " main visual content. Begin with the main subject and clear action. Avoid text formatting,"
    " meta-language, and filler words.",
    "suffix": "",
    "options": {"temperature": 0.1},
    "stream": False,
    "images": [PICTURE],
}
CARD = ModelCard("captioner", "lookalike-demo-captioner", "cpu", "MIT")
PAINTER = ModelCard("generator", "lookalike-demo-generator", "cpu", "MIT")
METRICS = {"total_duration", "load_duration", "eval_count", "eval_duration"}
METRICS |= {"prompt_eval_count", "prompt_eval_duration"}


def generation(**fields):
    return {"model": "blip", "images": [PICTURE], "stream": False} | fields


def message(content="", *images):
    return {"role": "user", "content": content, "images": list(images)}


def chat(*messages, **fields):
    return {"model": "blip", "messages": list(messages), "stream": False} | fields


def lines(response):
    assert (response.status_code, response.mimetype) == (200, "application/x-ndjson")
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def asked(services):
    """What the captioner is asked, in order."""
    requests, caption_batch = [], model_of(services.captioner).caption_batch
    model_of(services.captioner).caption_batch = lambda batch: (
        requests.extend(batch) or caption_batch(batch)
    )
    return requests


def test_what_photoprism_sends_is_captioned(client, asked):
    answer = client.post("/api/generate", json=PHOTOPRISM).json
    assert answer["response"] == CAPTION
    assert (answer["model"], answer["done"], answer["done_reason"]) == ("blip:latest", True, "stop")
    assert datetime.fromisoformat(answer["created_at"]).tzinfo
    assert all(type(answer[name]) is int for name in METRICS)
    assert answer["eval_count"] == len(CAPTION.split())
    assert answer["eval_duration"] > 0
    assert [request.prefix for request in asked] == [""]


@pytest.mark.parametrize("stream", [{}, {"stream": True}, {"stream": None}])
def test_a_generation_comes_as_json_lines_unless_it_is_told_not_to(client, stream):
    body = {"model": "blip", "images": [PICTURE]} | stream
    first, last = lines(client.post("/api/generate", json=body))
    assert (first["response"], first["done"]) == (CAPTION, False)
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "stop")
    assert not METRICS & first.keys()
    assert last.keys() > METRICS


def test_a_chat_comes_as_json_lines_too(client):
    body = {"model": "blip", "messages": [message("what is this?", PICTURE)]}
    first, last = lines(client.post("/api/chat", json=body))
    assert first["message"] == {"role": "assistant", "content": CAPTION}
    assert last["message"] == {"role": "assistant", "content": ""}
    assert [first["done"], last["done"]] == [False, True]


def test_a_chat_is_about_the_last_message_with_a_picture(client, asked):
    told = chat(message("a photo of", PICTURE), message("one", GREEN_30), message("is it green?"))
    answer = client.post("/api/chat", json=told).json
    assert answer["message"]["content"] == "one a picture of 30x10"
    assert [request.prefix for request in asked] == ["one"]


def test_several_pictures_are_a_line_each_in_order(client):
    answer = client.post("/api/generate", json=generation(images=[PICTURE, GREEN_30])).json
    assert answer["response"] == f"{CAPTION}\na picture of 30x10"


def test_a_short_prompt_that_is_no_question_begins_the_caption(client):
    answer = client.post("/api/generate", json=generation(prompt=" a photo  of\n")).json
    assert answer["response"] == f"a photo of {CAPTION}"


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "  ",
        "What is in this image?",
        "Describe this image",
        "describe",
        "Caption:",
        "a dog or a cat?",
        "a caption, please!",
        "Beschreibe das Bild",
        "the colours of all that is in it",
        PHOTOPRISM["prompt"],
        "a " * 100_000,
        "a " + "b," * 30,
    ],
)
def test_any_other_prompt_is_ignored(prompt):
    assert prefix_of(prompt) == ""


@pytest.mark.parametrize("prompt", ["a photo of", "A photo of", "two dogs", "photo of a", "the"])
def test_what_begins_a_caption_is_kept(prompt):
    assert prefix_of(prompt) == prompt


@pytest.mark.parametrize(
    ("num_predict", "most"), [(7, 7), (1, 1), (4096, 100), (-1, 40), (0, 40), (None, 40)]
)
def test_the_length_is_bounded_as_far_as_ours_can_be(client, asked, num_predict, most):
    body = generation(options={"num_predict": num_predict, "seed": 7, "temperature": 0.1})
    assert client.post("/api/generate", json=body).status_code == 200
    assert [request.max_new_tokens for request in asked] == [most]


def test_what_blip_stutters_is_left_out(client, services):
    model_of(services.captioner).caption_batch = lambda batch: ["arafed dog on a bed"] * len(batch)
    assert client.post("/api/generate", json=generation()).json["response"] == "dog on a bed"


@pytest.mark.parametrize("name", ["blip", "BLIP:latest", "Salesforce/blip-image-captioning-large"])
def test_names_that_code_has_are_answered_whatever_captioner_runs(client, name):
    answer = client.post("/api/generate", json=generation(model=name)).json
    assert (answer["model"], answer["response"]) == (name, CAPTION)


def test_the_captioner_is_listed_and_its_name_can_be_asked(client, services):
    client.application.extensions["services"] = replace(services, models=(CARD, PAINTER))
    listed, short = client.get("/api/tags").json["models"]
    assert listed["name"] == listed["model"] == "lookalike-demo-captioner:latest"
    assert short["name"] == short["model"] == "blip:latest"  # clients look for what they will ask
    assert short["digest"] != listed["digest"]
    assert datetime.fromisoformat(listed["modified_at"])
    assert (type(listed["size"]), len(listed["digest"])) == (int, 64)
    assert listed["details"]["family"] == "blip"
    for name in (listed["name"], CARD.name):
        assert client.post("/api/generate", json=generation(model=name)).status_code == 200
    response = client.post("/api/generate", json=generation(model=PAINTER.name))
    assert response.status_code == 404
    assert "this server has lookalike-demo-captioner, blip" in response.json["error"]


@pytest.mark.parametrize("field", ["model", "name"])
def test_what_is_served_needs_no_pull(client, field):
    response = client.post("/api/pull", json={field: "blip"})
    assert [json.loads(line) for line in response.text.splitlines()] == [{"status": "success"}]
    whole = client.post("/api/pull", json={field: "blip:latest", "stream": False})
    assert whole.json == {"status": "success"}


@pytest.mark.parametrize(
    ("address", "body", "said", "reason"),
    [
        ("generate", {}, "", "load"),
        ("generate", {"images": None, "prompt": ""}, "", "load"),
        ("chat", {}, "", "load"),
        ("chat", {"messages": []}, "", "load"),
        ("chat", {"messages": [{"content": "ping"}]}, "This model captions pictures: send", "stop"),
    ],
)
def test_a_program_that_says_hello_is_answered(client, address, body, said, reason):
    answer = client.post(f"/api/{address}", json={"model": "blip", "stream": False, **body}).json
    words = answer["response"] if address == "generate" else answer["message"]["content"]
    assert (words.startswith(said), bool(words)) == (True, bool(said))
    assert (answer["done"], answer["done_reason"]) == (True, reason)


def test_an_answer_has_a_context_at_its_end(client):
    """ComfyUI's node for Ollama fails without."""
    assert client.post("/api/generate", json=generation(stream=False)).json["context"] == []
    lines = client.post("/api/generate", json=generation(stream=True)).text.splitlines()
    assert ["context" in json.loads(line) for line in lines] == [False, True]


@pytest.mark.parametrize("field", ["model", "name"])
def test_what_is_shown_says_what_becomes_of_a_prompt(client, field):
    shown = client.post("/api/show", json={field: "blip"}).json
    assert shown["capabilities"] == ["completion", "vision"]
    assert "any other prompt is ignored" in shown["modelfile"]
    assert "any other prompt is ignored" in shown["model_info"]["general.description"]


def test_the_version_is_one_that_clients_take(client):
    version = client.get("/api/version").json["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)


def test_a_key_opens_it(locked):
    assert locked.get("/api/version", headers=bearer(ANNA)).status_code == 200
