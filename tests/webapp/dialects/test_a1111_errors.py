"""What AUTOMATIC1111's clients are told of an error: in its shape, and in its names."""

import json
from base64 import b64encode

import pytest
from a1111_requests import INTERRUPT, PROGRESS, TXT2IMG, during, in_base64
from door_keys import ANNA, basic, bearer
from web_client import picture

from webapp.environ import DRAINING

IMG2IMG = "/sdapi/v1/img2img"
INTERROGATE = "/sdapi/v1/interrogate"
PNG_INFO = "/sdapi/v1/png-info"
OPTIONS = "/sdapi/v1/options"
WORDS_ALONE = "this server paints from words alone, by txt2img."


def told(response) -> str:
    """The sentence of an error in AUTOMATIC1111's shape."""
    body = response.json
    assert body.keys() == {"error", "detail", "body", "errors"}
    assert (body["error"], body["body"]) == ("HTTPException", "")
    assert body["detail"] == body["errors"]
    return body["detail"]


SIZE = "must be a multiple of 8 from 16 to 128 pixels."
REFUSED = [
    (TXT2IMG, {}, "prompt is empty: say what to draw."),
    (TXT2IMG, {"prompt": " "}, "prompt is empty: say what to draw."),
    (TXT2IMG, {"prompt": 5}, "prompt must be text."),
    (TXT2IMG, {"prompt": "x" * 2001}, "prompt has 2001 characters"),
    (TXT2IMG, {"prompt": "\ud800"}, "prompt holds half of a surrogate pair"),
    (TXT2IMG, {"prompt": "x", "negative_prompt": "\ud800"}, "negative_prompt holds half of"),
    (TXT2IMG, {"prompt": "x", "negative_prompt": []}, "negative_prompt must be text."),
    (TXT2IMG, {"prompt": "x", "width": 33}, f"width {SIZE}"),
    (TXT2IMG, {"prompt": "x", "height": 4096}, f"height {SIZE}"),
    (TXT2IMG, {"prompt": "x", "width": 0}, f"width {SIZE}"),
    (TXT2IMG, {"prompt": "x", "width": "wide"}, "width must be a whole number."),
    (TXT2IMG, {"prompt": "x", "steps": 0}, "steps must be a whole number from 1 to 200, not 0."),
    (TXT2IMG, {"prompt": "x", "steps": 1000}, "steps must be a whole number from 1 to 200"),
    (TXT2IMG, {"prompt": "x", "steps": 1.5}, "steps must be a whole number."),
    (TXT2IMG, {"prompt": "x", "cfg_scale": -1}, "cfg_scale must be a number from 0 to 50"),
    (TXT2IMG, {"prompt": "x", "cfg_scale": float("nan")}, "cfg_scale must be a number from 0"),
    (TXT2IMG, {"prompt": "x", "seed": -2}, "seed must be a whole number from 0 to"),
    (TXT2IMG, {"prompt": "x", "seed": 2**63}, "seed must be a whole number from 0 to"),
    (TXT2IMG, {"prompt": "x", "batch_size": 1000}, "batch_size must be a whole number from 1 to 4"),
    (TXT2IMG, {"prompt": "x", "n_iter": 0}, "n_iter must be a whole number from 1 to 4, not 0."),
    (
        TXT2IMG,
        {"prompt": "x", "batch_size": 3, "n_iter": 2},
        "batch_size times n_iter must be at most 4 images.",
    ),
    (IMG2IMG, {}, f"init_images cannot be painted over: {WORDS_ALONE}"),
    (IMG2IMG, {"init_images": ["x"]}, f"init_images cannot be painted over: {WORDS_ALONE}"),
    (IMG2IMG, {"init_images": "x"}, "init_images must be a list."),
    (IMG2IMG, {"init_images": [5]}, "init_images.0 must be text."),
    (IMG2IMG, {"init_images": ["x"], "mask": "x"}, f"mask is not supported: {WORDS_ALONE}"),
    (INTERROGATE, {}, "image is missing."),
    (INTERROGATE, {"image": None}, "image is missing."),
    (INTERROGATE, {"image": {}}, "image must be text."),
    (INTERROGATE, {"image": "***"}, "image is no picture in base64."),
    (INTERROGATE, {"image": ""}, "The file is empty: choose an image and try again."),
    (INTERROGATE, {"image": in_base64(b"no picture")}, "The file is not an image of a known"),
    (INTERROGATE, {"image": "http://x.example/a.png"}, "image is an address, and this server"),
    (PNG_INFO, {"image": "file:///etc/passwd"}, "image is an address, and this server"),
    (PNG_INFO, {"image": in_base64(picture()[:20])}, "This PNG image is damaged"),
    (OPTIONS, [], "body must be a JSON object."),
]


@pytest.mark.parametrize(("address", "body", "sentence"), REFUSED)
def test_what_is_wrong_is_named_as_the_client_calls_it(patient, by_hand, address, body, sentence):
    sent = json.dumps(body)  # with NaN, as Python's clients write it
    response = patient.post(address, data=sent, content_type="application/json")
    assert response.status_code == 400
    assert told(response).startswith(sentence), response.json
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize("address", [TXT2IMG, IMG2IMG, INTERROGATE, PNG_INFO, OPTIONS])
@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "application/json"),
        (b'{"prompt"', "application/json"),
        (b'{"prompt": ' + b"[" * 100_000, "application/json"),
        (b"--x\r\nContent-Disposition: form", "multipart/form-data; boundary=x"),
        (b"\xff\xd8", "image/jpeg"),
        (b"prompt=x", "application/x-www-form-urlencoded"),
    ],
    ids=["nothing", "cut", "deep", "multipart", "bytes", "form"],
)
def test_what_is_no_json_is_refused(patient, address, data, content_type):
    response = patient.post(address, data=data, content_type=content_type)
    assert (response.status_code, told(response)) == (400, "body is no JSON.")


def test_a_wrong_method_or_address_is_told_in_the_same_shape(patient):
    response = patient.get(TXT2IMG)
    assert (response.status_code, told(response)) == (405, "This address takes other methods.")
    assert "POST" in response.headers["Allow"]
    response = patient.get("/sdapi/v1/nothing")
    assert (response.status_code, told(response)) == (404, "There is nothing at this address.")


def test_a_picture_that_is_too_large_is_told_so(patient):
    response = patient.post(TXT2IMG, environ_overrides={"CONTENT_LENGTH": str(10**9)})
    assert response.status_code == 413
    assert told(response).startswith("The upload is too large")


def test_a_full_queue_is_a_429_that_says_when_to_come_back(patient, by_hand):
    by_hand.generator.reserve(4)
    response = patient.post(TXT2IMG, json={"prompt": "a house"})
    assert response.status_code == 429
    assert told(response).startswith("The queue is full: try again in")
    assert int(response.headers["Retry-After"]) >= 1
    assert by_hand.automatic1111.jobs_of(" 127.0.0.1") == []


def test_an_engine_that_has_stopped_is_a_503(patient, by_hand):
    by_hand.generator.close()
    response = patient.post(TXT2IMG, json={"prompt": "a house"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert told(response)


def test_a_server_that_stops_paints_no_more_but_can_be_interrupted(patient):
    stopping = {DRAINING: True}
    response = patient.post(TXT2IMG, json={"prompt": "x"}, environ_overrides=stopping)
    assert response.status_code == 503
    assert told(response).startswith("The server is stopping")
    for address in (INTERRUPT, "/sdapi/v1/skip"):
        assert patient.post(address, environ_overrides=stopping).status_code == 200
    assert patient.get(PROGRESS, environ_overrides=stopping).status_code == 200


def test_a_model_that_fails_is_a_500_with_its_sentence(client):
    response = client.post(TXT2IMG, json={"prompt": "fails in denoise", "batch_size": 2})
    assert response.status_code == 500
    assert told(response).startswith("The model failed on this request")
    response = client.post(INTERROGATE, json={"image": in_base64(picture(color="red"))})
    assert response.status_code == 500
    assert told(response).startswith("The captioner failed on this picture")


def test_a_client_that_leaves_is_answered_no_more(client, services):
    left = {"waitress.client_disconnected": lambda: True}
    during(services, 1, lambda: client.post(INTERRUPT))
    response = client.post(TXT2IMG, json={"prompt": "x"}, environ_overrides=left)
    assert (response.status_code, told(response)) == (499, "The job was cancelled.")


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, basic("wrong"), bearer("wrong")])
def test_without_a_key_it_is_told_how_to_send_one(locked, headers):
    response = locked.post(TXT2IMG, json={"prompt": "x"}, headers=headers)
    assert response.status_code == 401
    assert "key" in told(response)


@pytest.mark.parametrize("headers", [basic(ANNA), bearer(ANNA)])
def test_a_key_opens_it(locked, headers):
    assert locked.get("/sdapi/v1/options", headers=headers).status_code == 200


def test_a_key_where_none_is_asked_for_is_ignored(client):
    empty = {"Authorization": ""}  # as Open WebUI sends it
    odd = {"Authorization": "Basic " + b64encode(b"\xff").decode()}
    for headers in (basic("anything"), bearer("anything"), empty, odd):
        assert client.post(TXT2IMG, json={"prompt": "x"}, headers=headers).status_code == 200
