"""What Ollama's clients are told of an error: one sentence under ``error``."""

import base64
import json

import pytest
from elsewhere import model_of
from web_client import picture

from webapp.environ import DRAINING

PICTURE = base64.b64encode(picture()).decode()
POISON = base64.b64encode(picture(color="red")).decode()
NO_PICTURE = "images is missing: this model captions pictures, so send one"
NO_JSON = "format asks for JSON, and this model writes one plain sentence: leave format out."


def generation(**fields):
    return {"model": "blip", "images": [PICTURE]} | fields


def chat(**fields):
    return {"model": "blip", "messages": [{"role": "user", "images": [PICTURE]}]} | fields


REFUSED = [
    ("generate", generation(model="gemma3"), 404, "model 'gemma3' not found: this server has"),
    ("chat", chat(model="gemma3"), 404, "model 'gemma3' not found: this server has"),
    ("show", {"model": "gemma3"}, 404, "model 'gemma3' not found: this server has"),
    ("show", {}, 400, "model is missing."),
    ("show", {"model": ["blip"]}, 400, "model must be text."),
    ("generate", {"images": [PICTURE]}, 400, "model is missing."),
    ("generate", generation(images=[]), 400, NO_PICTURE),
    ("generate", {"model": "blip", "prompt": "why is the sky blue?"}, 400, NO_PICTURE),
    ("chat", {"model": "gemma3"}, 404, "model 'gemma3' not found: this server has"),
    ("generate", {"model": "gemma3"}, 404, "model 'gemma3' not found: this server has"),
    ("pull", {"model": "gemma3"}, 404, "model 'gemma3' not found: this server has"),
    ("pull", {}, 400, "model is missing."),
    ("generate", generation(format="json"), 400, NO_JSON),
    ("generate", generation(format={"type": "object"}), 400, NO_JSON),
    ("chat", chat(format="json"), 400, NO_JSON),
    ("chat", chat(tools=[{"type": "function"}]), 400, "tools is not supported"),
    ("generate", generation(images=[PICTURE] * 1000), 400, "images has 1000 pictures: at most 10"),
    ("generate", generation(images=PICTURE), 400, "images must be a list."),
    ("generate", generation(images=[5]), 400, "images.0 must be text."),
    ("generate", generation(images=["***"]), 400, "images is no picture in base64."),
    ("generate", generation(images=[""]), 400, "The file is empty"),
    ("generate", generation(images=["bm90IGEgcGljdHVyZQ=="]), 400, "The file is not an image"),
    ("generate", generation(images=["https://x.example/a.png"]), 400, "images is an address, and"),
    ("generate", generation(prompt=5), 400, "prompt must be text."),
    ("generate", generation(stream="perhaps"), 400, "stream must be true or false."),
    ("generate", generation(options=[]), 400, "options must be an object."),
    ("generate", generation(options={"num_predict": "x"}), 400, "options.num_predict must be a w"),
    ("generate", generation(prompt="a \ud800"), 400, "prompt holds half of a surrogate pair"),
    ("chat", chat(messages={}), 400, "messages must be a list."),
    ("chat", chat(messages=["hello"]), 400, "messages.0 must be an object."),
    ("chat", chat(messages=[{"images": [5]}]), 400, "messages.0.images.0 must be text."),
    ("generate", b"", 400, "body is no JSON."),
    ("generate", b"[]", 400, "body must be a JSON object."),
    ("generate", b'{"model": ' + b"[" * 100_000, 400, "body is no JSON."),
    ("chat", b"--b\r\nContent-Disposition: form-data", 400, "body is no JSON."),
]


@pytest.mark.parametrize(("address", "body", "status", "sentence"), REFUSED)
def test_what_is_wrong_is_one_sentence(patient, by_hand, address, body, status, sentence):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = patient.post(f"/api/{address}", data=data)
    assert response.status_code == status, response.text
    assert response.json.keys() == {"error"}
    assert response.json["error"].startswith(sentence), response.json
    assert by_hand.captioner.waiting == 0


def test_an_empty_format_asks_for_nothing(client):
    for nothing in ("", None):
        assert client.post("/api/generate", json=generation(format=nothing)).status_code == 200


def test_a_name_that_is_no_text_of_ours_does_no_harm(patient):
    response = patient.post("/api/show", data=b'{"model": "\\ud800"}')
    assert response.status_code == 404
    assert response.json["error"].startswith("model '\ud800' not found")


def test_a_picture_that_the_model_fails_on_is_a_500_and_no_stream(client):
    response = client.post("/api/generate", json=generation(images=[POISON]))
    assert response.status_code == 500
    assert response.json["error"].startswith("The captioner failed on this picture")


def test_a_picture_without_words_is_told_so(client, services):
    model_of(services.captioner).caption_batch = lambda batch: [" "] * len(batch)
    response = client.post("/api/generate", json=generation())
    assert response.status_code == 500
    assert response.json["error"].startswith("The captioner has no words for this picture")


def test_a_wrong_method_or_address_is_told_in_the_same_shape(patient):
    assert patient.get("/api/generate").json == {"error": "This address takes other methods."}
    for address in ("/api/push", "/api/", "/api/embed"):
        assert patient.post(address).json == {"error": "There is nothing at this address."}
    assert patient.get("/api").mimetype == "text/html"  # a page of ours
    assert patient.post("/api").mimetype == "text/html"


def test_without_a_key_it_is_told_how_to_send_one(locked):
    response = locked.post("/api/generate", json=generation())
    assert response.status_code == 401
    assert response.json.keys() == {"error"}
    assert response.json["error"].startswith("This server needs a key")


def test_too_large_a_body_is_told_in_the_same_shape(patient):
    response = patient.post("/api/generate", data=bytes(41 * 2**20))
    assert response.status_code == 413
    assert response.json.keys() == {"error"}


def test_a_server_that_stops_says_when_to_come_back(patient, by_hand):
    draining = {DRAINING: True}
    response = patient.post("/api/generate", json=generation(), environ_overrides=draining)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.json.keys() == {"error"}
    by_hand.captioner.close()
    response = patient.post("/api/chat", json=chat())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")


def test_who_leaves_is_not_captioned(patient, by_hand, monkeypatch):
    monkeypatch.setattr("webapp.dialects.work.PATIENCE_SECONDS", 0.01)
    left = {"waitress.client_disconnected": lambda: True}
    response = patient.post("/api/generate", json=generation(), environ_overrides=left)
    assert response.status_code == 499
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []
