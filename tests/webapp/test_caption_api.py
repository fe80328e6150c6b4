"""``POST /caption``: bytes, forms and JSON become words."""

import base64
import json
from io import BytesIO

import pytest
from elsewhere import model_of
from web_client import CAPTION, picture

from webapp.environ import DRAINING

CAPTIONED = {"caption": CAPTION, "is_familiar": True}
NO_PICTURE = "image is missing: send a picture, as it is, in a form or in JSON."


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def form(*pictures, **fields):
    files = [(BytesIO(data), f"{number}.png") for number, data in enumerate(pictures)]
    return {"data": {"image": files, **fields}, "content_type": "multipart/form-data"}


@pytest.fixture
def asked(services):
    """What the captioner is asked, in order."""
    requests, caption_batch = [], model_of(services.captioner).caption_batch
    model_of(services.captioner).caption_batch = lambda batch: (
        requests.extend(batch) or caption_batch(batch)
    )
    return requests


@pytest.mark.parametrize("path", ["/caption", "/caption/"])
@pytest.mark.parametrize(
    "content_type", [None, "image/png", "application/x-www-form-urlencoded", "application/json"]
)
def test_bytes_are_captioned_whatever_they_are_called(client, path, content_type):
    response = client.post(path, data=picture(), content_type=content_type)
    assert (response.status_code, response.json) == (200, CAPTIONED)
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
def test_base64_in_json_is_captioned(client, before):
    response = client.post("/caption", json={"image": before + in_base64(picture())})
    assert response.json == CAPTIONED


def test_a_form_is_captioned(client):
    assert client.post("/caption", **form(picture())).json == CAPTIONED


def test_several_files_of_a_form_give_a_list_in_order(client):
    response = client.post("/caption", **form(picture(), picture(30), picture(color="blue")))
    assert response.json == [
        CAPTIONED,
        {"caption": "a picture of 30x10", "is_familiar": True},
        {"caption": CAPTION, "is_familiar": False},
    ]


@pytest.mark.slow
def test_a_picture_as_large_as_an_upload_may_be_fits_in_base64(client):
    largest = picture().ljust(20 * 2**20, b"\0")
    assert client.post("/caption", json={"image": in_base64(largest)}).json == CAPTIONED


@pytest.mark.parametrize(
    "sent",
    [
        lambda: {"path": "/caption?prefix=one&max_new_tokens=7&num_beams=2", "data": picture()},
        lambda: {
            "path": "/caption",
            **form(picture(), prefix="one", max_new_tokens="7", num_beams="2"),
        },
        lambda: {
            "path": "/caption?num_beams=3",
            "json": {
                "image": in_base64(picture()),
                "prefix": "one",
                "max_new_tokens": 7,
                "num_beams": 2,
            },
        },
    ],
    ids=["query", "form", "json"],
)
def test_how_to_caption_is_said_beside_the_picture(client, asked, sent):
    assert client.post(**sent()).json["caption"] == f"one {CAPTION}"
    [request] = asked
    assert (request.prefix, request.max_new_tokens, request.num_beams) == ("one", 7, 2)


def test_what_blip_stutters_is_left_out(client, services):
    class Said(str):
        is_familiar = None

    model_of(services.captioner).caption_batch = lambda batch: [Said("arafed dog on a bed")]
    told = client.post("/caption", data=picture()).json
    assert told == {"caption": "dog on a bed", "is_familiar": None}


BODY = {"image": in_base64(picture())}
REFUSED = [
    (b"", "image", NO_PICTURE),
    (b"no picture at all", None, "The file is not an image of a known format"),
    (b'{"image": ""}', "image", NO_PICTURE),
    (b'{"image"', "body", "body is no JSON."),
    (b'{"image": ' + b"[" * 100_000, "body", "body is no JSON."),
    (b'{"picture": "x"}', "image", "image is missing."),
    (b'{"image": 5}', "image", "image must be text."),
    (b'{"image": "***"}', "image", "image is no picture in base64."),
    (b'{"image": "https://x.example/a.png"}', "image", "image is an address, and this server"),
    (BODY | {"max_new_tokens": 101}, "max_new_tokens", "max_new_tokens must be a whole number"),
    (BODY | {"num_beams": "x"}, "num_beams", "num_beams must be a whole number."),
    (BODY | {"prefix": 5}, "prefix", "prefix must be text."),
    (BODY | {"prefix": "a" * 201}, "prefix", "prefix has 201 characters: at most 200 are allowed."),
    (BODY | {"prefix": "\ud800"}, "prefix", "prefix holds half of a surrogate pair"),
]


@pytest.mark.parametrize(("body", "field", "sentence"), REFUSED)
def test_what_is_wrong_is_told_in_our_own_shape(patient, by_hand, body, field, sentence):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = patient.post("/caption", data=data, headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert response.json.keys() == {"error", "field"}
    assert response.json["field"] == field
    assert response.json["error"].startswith(sentence), response.json
    assert by_hand.captioner.waiting == 0


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"--b\r\n\r\n", "multipart/form-data; boundary=b"),
        (b"anything", "multipart/form-data"),
        (b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--b--\r\n", None),
    ],
)
def test_a_form_without_a_picture_is_told(patient, data, content_type):
    content_type = content_type or "multipart/form-data; boundary=b"
    response = patient.post("/caption", data=data, content_type=content_type)
    assert (response.status_code, response.json) == (400, {"error": NO_PICTURE, "field": "image"})


def test_of_several_pictures_the_wrong_one_is_named(client):
    response = client.post("/caption", **form(picture(), b"no picture"))
    assert response.status_code == 400
    assert response.json["error"].startswith("Picture 2 of 2: The file is not an image")


def test_a_picture_that_the_model_fails_on_or_has_no_words_for_is_a_500(client, services):
    response = client.post("/caption", data=picture(color="red"))
    assert response.status_code == 500
    assert response.json["error"].startswith("The captioner failed on this picture")
    model_of(services.captioner).caption_batch = lambda batch: [" "]
    response = client.post("/caption", data=picture())
    assert response.status_code == 500
    assert response.json["error"].startswith("The captioner has no words for this picture")


def test_other_refusals_are_json_too(patient):
    page = {"Accept": "text/html"}
    response = patient.get("/caption", headers=page)
    assert (response.status_code, response.json["field"]) == (405, None)
    draining = {DRAINING: True}
    response = patient.post("/caption", headers=page, environ_overrides=draining)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.json["error"].startswith("The server is stopping")
    response = patient.post("/caption", headers=page, data=bytes(41 * 2**20))
    assert response.status_code == 413
    assert response.json["error"].startswith("The upload is too large")


def test_without_a_key_it_is_told_how_to_send_one(locked):
    response = locked.post("/caption", data=picture(), headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert response.json["error"].startswith("This server needs a key")
