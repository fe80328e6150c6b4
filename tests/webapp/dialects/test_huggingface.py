"""Hugging Face's dialect: what its clients send, and what they show of an error."""

import base64
import json
from io import BytesIO

import pytest
from elsewhere import model_of
from PIL import Image
from web_client import CAPTION, picture

from captioner.images import InvalidImage, open_image
from generator.png import read_parameters

BLIP = "/models/Salesforce/blip-image-captioning-large"
SDXL = "/models/stabilityai/stable-diffusion-xl-base-1.0"
PYTHON = "unknown/None; hf_hub/2.4.0; python/3.11.7"
CAPTIONED = [{"generated_text": CAPTION}]
LONE_SURROGATE = '{"inputs": "\\ud800"}'


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def painted(response) -> Image.Image:
    assert response.status_code == 200, response.text
    image = Image.open(BytesIO(response.data))
    image.load()
    return image


@pytest.mark.parametrize("address", [BLIP, "/"])
@pytest.mark.parametrize(
    "content_type",
    [None, "image/png", "application/octet-stream", "application/x-www-form-urlencoded"],
)
def test_raw_bytes_are_captioned_whatever_they_are_called(client, address, content_type):
    headers = {"Accept": "*/*", "User-Agent": PYTHON}
    response = client.post(address, data=picture(), headers=headers, content_type=content_type)
    assert (response.status_code, response.json) == (200, CAPTIONED)
    assert float(response.headers["X-Compute-Time"]) >= 0


@pytest.mark.parametrize("address", [BLIP, "/"])
@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
def test_base64_in_json_is_captioned(client, address, before):
    response = client.post(address, json={"inputs": before + in_base64(picture())})
    assert response.json == CAPTIONED


@pytest.mark.slow
def test_a_picture_as_large_as_an_upload_may_be_fits_in_base64(client):
    largest = picture().ljust(20 * 2**20, b"\0")
    assert client.post(BLIP, json={"inputs": in_base64(largest)}).json == CAPTIONED


@pytest.mark.parametrize(
    ("agent", "answer"),
    [
        (PYTHON, CAPTIONED),
        ("Mozilla/5.0", CAPTIONED),
        ("@huggingface/inference/4.8.0", CAPTIONED),
        ("@huggingface/inference/4.13.30", CAPTIONED[0]),
        ("@huggingface/inference/10.0.0", CAPTIONED[0]),
    ],
)
def test_newer_javascript_clients_get_the_object_alone(client, agent, answer):
    assert client.post(BLIP, data=picture(), headers={"User-Agent": agent}).json == answer


@pytest.mark.parametrize(
    "parameters",
    [
        {"prompt": "a photo of", "max_new_tokens": 7, "num_beams": 2},
        {"prompt": "a photo of", "generate_kwargs": {"max_new_tokens": 7, "num_beams": 2}},
        {"prompt": "a photo of", "generation_parameters": {"max_new_tokens": 7, "num_beams": 2}},
    ],
)
def test_how_to_caption_can_be_said(client, services, parameters):
    body = {"inputs": in_base64(picture()), "parameters": parameters}
    asked = []
    caption_batch = model_of(services.captioner).caption_batch
    model_of(services.captioner).caption_batch = lambda batch: (
        asked.extend(batch) or caption_batch(batch)
    )
    assert client.post(BLIP, json=body).status_code == 200
    [request] = asked
    assert (request.prefix, request.max_new_tokens, request.num_beams) == ("a photo of", 7, 2)


@pytest.mark.parametrize("address", [SDXL, "/"])
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/png", "PNG"),
        ("*/*", "PNG"),
        ("image/jpeg", "JPEG"),
        ("image/webp,*/*;q=0.1", "WEBP"),
    ],
)
def test_words_are_painted_in_the_format_that_is_accepted(client, address, accept, kind):
    response = client.post(address, json={"inputs": "a house"}, headers={"Accept": accept})
    image = painted(response)
    assert (image.format, image.size) == (kind, (64, 64))
    assert response.mimetype == f"image/{kind.lower()}"


def test_parameters_are_diffusers_own(client):
    parameters = {
        "negative_prompt": "blur",
        "width": 32,
        "height": 48,
        "num_inference_steps": 2,
        "guidance_scale": 1.5,
        "seed": 7,
        "scheduler": "EulerDiscreteScheduler",
    }
    response = client.post(SDXL, json={"inputs": "a house", "parameters": parameters})
    said = read_parameters(response.data)
    assert (said["Prompt"], said["Negative prompt"], said["Size"]) == ("a house", "blur", "32x48")
    assert (said["Steps"], said["CFG scale"], said["Seed"]) == ("2", "1.5", "7")
    assert response.headers["X-Seed"] == "7"


@pytest.mark.parametrize(
    "parameters",
    [
        {"target_size": {"width": 32, "height": 48}},
        {"extra_body": {"width": 32, "height": 48}},
        {"width": 32, "height": 48, "target_size": {"width": 16, "height": 16}},
    ],
)
def test_older_clients_say_the_size_elsewhere(client, parameters):
    response = client.post(SDXL, json={"inputs": "a house", "parameters": parameters})
    assert painted(response).size == (32, 48)


def test_words_may_come_as_they_are(client):
    response = client.post(SDXL, data="a café".encode())
    assert read_parameters(response.data)["Prompt"] == "a café"


def test_the_names_of_what_runs_are_served_too(client, services):
    for card in services.models:
        assert client.post(f"/models/{card.name}").status_code == 400


REFUSED = [
    ("/models/gpt2", b"x", 404, "Model gpt2 is not served here. Available: "),
    (BLIP, b"", 400, "inputs is missing: send a picture."),
    (BLIP, b"no picture at all", 400, "The file is not an image of a known format"),
    (BLIP, b'{"inputs": "***"}', 400, "inputs is no picture in base64."),
    (BLIP, b'{"inputs": "https://x.example/a.png"}', 400, "inputs is an address, and this server"),
    (BLIP, b'{"inputs": 5}', 400, "inputs must be text."),
    (SDXL, b"", 400, "prompt is empty: say what to draw."),
    (SDXL, b'{"inputs": "  "}', 400, "prompt is empty: say what to draw."),
    (SDXL, b'{"parameters": {}}', 400, "inputs is missing."),
    (SDXL, b'{"inputs": "x", "parameters": []}', 400, "parameters must be an object."),
    (
        SDXL,
        b'{"inputs": "x", "parameters": {"width": "wide"}}',
        400,
        "width must be a whole number.",
    ),
    (SDXL, b'{"inputs": "x", "parameters": {"width": 33}}', 400, "width must be a multiple of 8"),
    (SDXL, b'{"inputs": "x", "parameters": {"seed": 1e300}}', 400, "seed must be a whole number"),
    (SDXL, b'{"inputs": "x", "parameters": {"guidance_scale": NaN}}', 400, "guidance_scale must"),
    (SDXL, LONE_SURROGATE.encode(), 400, "prompt holds half of a surrogate pair"),
    (SDXL, b'{"inputs": ' + b"[" * 100_000, 400, "body is no JSON."),
    (SDXL, b'{"inputs"', 400, "body is no JSON."),
    (SDXL, b'{"a": ' + b"9" * 10_000 + b"}", 400, "body is no JSON."),
    (SDXL, b"\xff\xd8\xff\xe0", 400, "inputs must be words, not a picture."),
    (
        "/",
        b'{"inputs": "x", "parameters": {"prompt": "y"}}',
        400,
        "inputs is a picture. This server",
    ),
    ("/", b"[1, 2]", 400, "The file is not an image of a known format"),
]


@pytest.mark.parametrize(("address", "data", "status", "sentence"), REFUSED)
def test_what_is_wrong_is_one_string(patient, by_hand, address, data, status, sentence):
    response = patient.post(address, data=data, content_type="application/json")
    assert response.status_code == status
    assert response.json.keys() == {"error"}
    assert response.json["error"].startswith(sentence), response.json
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"max_new_tokens": 101}, "max_new_tokens must be a whole number from 1 to 100, not 101."),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number from 1 to 100, not 0."),
        ({"num_beams": 9}, "num_beams must be a whole number from 1 to 8, not 9."),
        ({"prompt": "a " * 101}, "prompt has 202 characters: at most 200 are allowed."),
        ({"prompt": "\ud800"}, "prompt holds half of a surrogate pair"),
        ({"prompt": 5}, "prompt must be text."),
    ],
)
def test_how_not_to_caption_is_told(patient, by_hand, parameters, sentence):
    body = {"inputs": in_base64(picture()), "parameters": parameters}
    response = patient.post(BLIP, json=body)
    assert response.status_code == 400
    assert response.json["error"].startswith(sentence)
    assert by_hand.captioner.waiting == 0


def test_a_picture_for_the_painter_is_refused_and_says_why(patient):
    body = {"inputs": in_base64(picture()), "parameters": {"prompt": "a house"}}
    for address, accept in ((SDXL, "*/*"), ("/", "image/png")):
        response = patient.post(address, json=body, headers={"Accept": accept})
        assert response.status_code == 400
        assert "it has no image-to-image" in response.json["error"]


def test_a_wrong_method_or_address_is_told_in_the_same_shape(patient):
    assert patient.get(SDXL).json == {"error": "This address takes other methods."}
    assert patient.get("/models/").json == {"error": "There is nothing at this address."}


def test_a_full_queue_is_a_429_that_says_when_to_come_back(patient, by_hand):
    by_hand.generator.reserve(4)
    response = patient.post(SDXL, json={"inputs": "a house"})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) >= 1


def test_a_model_that_fails_is_a_500_with_its_sentence(client):
    response = client.post(SDXL, json={"inputs": "fails in denoise"})
    assert response.status_code == 500
    assert response.json["error"].startswith("The model failed on this request")
    response = client.post(BLIP, data=picture(color="red"))
    assert response.status_code == 500
    assert response.json["error"].startswith("The captioner failed on this picture")


def test_without_a_key_it_is_told_how_to_send_one(locked):
    response = locked.post(SDXL, json={"inputs": "a house"})
    assert response.status_code == 401
    assert response.json["error"].startswith("This server needs a key")


def test_a_picture_that_cannot_be_read_is_told_as_on_the_page(patient):
    with pytest.raises(InvalidImage) as told:
        open_image(b"no picture at all")
    assert patient.post(BLIP, data=b"no picture at all").json == {"error": str(told.value)}


def test_json_may_come_under_any_name(client):
    body = json.dumps({"inputs": "a house"}).encode()
    assert painted(client.post("/", data=body, content_type="text/plain")).size == (64, 64)
