"""OpenAI's dialect: its models, and how it tells an error of any of its addresses."""

from dataclasses import replace
from io import BytesIO

import pytest
from door_keys import ANNA, bearer
from openai_answers import CHAT, GENERATIONS, RESPONSES, VARIATIONS, told
from web_client import data_url, picture

from webapp.environ import DRAINING
from webapp.services import ModelCard

CARDS = [
    ModelCard("captioner", "Salesforce/blip", "cpu", "BSD"),
    ModelCard("generator", "demo", "cpu", "MIT"),
]
BLIP = {
    "id": "Salesforce/blip",
    "object": "model",
    "created": 0,
    "owned_by": "Salesforce",
    "role": "captioner",
}


@pytest.fixture
def with_models(patient, by_hand):
    patient.application.extensions["services"] = replace(by_hand, models=CARDS)
    return patient


def test_the_models_are_listed(with_models):
    listed = with_models.get("/v1/models").json
    assert listed["object"] == "list"
    assert listed["data"][0] == BLIP
    assert [(each["id"], each["owned_by"]) for each in listed["data"]][1] == ("demo", "lookalike")


def test_a_model_can_be_looked_up_whose_name_has_a_slash(with_models):
    assert with_models.get("/v1/models/Salesforce/blip").json == BLIP


def test_a_model_that_does_not_run_is_a_404_that_names_those_which_do(with_models):
    sentence = "Model gpt-4o is not served here. Available: Salesforce/blip, demo."
    assert told(with_models.get("/v1/models/gpt-4o")) == (404, None, sentence)


@pytest.mark.parametrize(
    ("method", "address", "status", "sentence"),
    [
        ("GET", "/v1", 404, "There is nothing at this address."),
        ("POST", "/v1/embeddings", 404, "There is nothing at this address."),
        ("GET", GENERATIONS, 405, "This address takes other methods."),
    ],
)
def test_a_wrong_address_or_method_is_told_in_the_same_shape(
    patient, method, address, status, sentence
):
    assert told(patient.open(address, method=method)) == (status, None, sentence)


@pytest.mark.parametrize("address", [GENERATIONS, CHAT, RESPONSES])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"prompt": ',
        b"[" * 100_000,
        b'{"messages": ' + b"[" * 100_000,
        b'{"n": ' + b"9" * 10_000 + b"}",
        b"\xff\xfe\x00",
    ],
    ids=range(6),
)
def test_what_is_no_json_is_said_to_be_none(patient, address, data):
    assert told(patient.post(address, data=data)) == (400, "body", "body is no JSON.")


@pytest.mark.parametrize("data", [b"[]", b"5", b"null", b'"x"'])
def test_json_of_another_kind_is_refused(patient, data):
    assert told(patient.post(GENERATIONS, data=data))[2] == "body must be a JSON object."


def test_without_a_key_it_is_told_how_to_send_one(locked):
    for address in (GENERATIONS, VARIATIONS, CHAT, RESPONSES):
        response = locked.post(address, json={})
        assert told(response)[0] == 401
        assert told(response)[2].startswith("This server needs a key: send it as Authorization")
        assert response.json["error"]["code"] == "invalid_api_key"
    assert told(locked.get("/v1/models", headers=bearer("wrong")))[2].startswith("This is not a")
    assert told(locked.post(GENERATIONS, json={}, headers=bearer(ANNA)))[0] == 400


def test_a_key_where_none_is_asked_for_is_no_matter(with_models):
    assert with_models.get("/v1/models", headers=bearer("sk-anything")).status_code == 200


def test_a_full_queue_is_a_429_that_says_when_to_come_back(patient, by_hand):
    by_hand.generator.reserve(4)
    for more in ({}, {"stream": True}):
        response = patient.post(GENERATIONS, json={"prompt": "a house", **more})
        assert told(response)[:2] == (429, None)
        assert response.json["error"]["code"] == "rate_limit_exceeded"
        assert int(response.headers["Retry-After"]) >= 1
    response = patient.post(VARIATIONS, data={"image": (BytesIO(picture()), "upload")})
    assert told(response)[0] == 429
    assert not by_hand.captioner.model.batches  # nobody waits for a caption and is then refused


def test_a_model_that_fails_is_a_500_after_which_clients_do_not_ask_again(client):
    failing = picture(color="red")
    response = client.post(GENERATIONS, json={"prompt": "fails in denoise"})
    assert told(response)[2].startswith("The model failed on this request")
    part = {"type": "input_image", "image_url": data_url(failing)}
    answers = [
        response,
        client.post(RESPONSES, json={"input": [{"role": "user", "content": [part]}]}),
    ]
    for answer in answers:
        assert told(answer)[0] == 500
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json["error"]["type"] == "server_error"


def test_a_server_that_stops_is_a_503_after_which_they_do(patient):
    response = patient.post(GENERATIONS, json={}, environ_overrides={DRAINING: True})
    assert told(response) == (503, None, "The server is stopping: try again in a minute.")
    assert response.headers["Retry-After"] == "60"
    assert "x-should-retry" not in response.headers


def test_what_is_too_large_is_a_413(patient):
    response = patient.post(GENERATIONS, data=b"x" * (41 * 2**20))
    assert told(response)[0] == 413
