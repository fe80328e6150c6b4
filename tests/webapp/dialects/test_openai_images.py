"""OpenAI's images: words are painted, a picture gets a similar one, and what is wrong is named."""

import base64
import json
from dataclasses import replace
from io import BytesIO

import pytest
from openai_answers import GENERATIONS, VARIATIONS, images_of, told
from web_client import CAPTION, picture

from generator.png import read_parameters
from generator.shapes import Size

EDITS = "/v1/images/edits"
# What Open WebUI sends, word for word; without response_format for names such as gpt-image-1.
OPEN_WEBUI = {"model": "dall-e-2", "prompt": "a house", "n": 1, "size": "64x64"}
ZERO = {"image_tokens": 0, "text_tokens": 0}


def paint(client, **fields):
    body = json.dumps({"prompt": "a house", **fields})  # with NaN, as Python's clients write it
    return client.post(GENERATIONS, data=body, content_type="application/json")


def vary(client, data=None, name="image", **fields):
    file = BytesIO(picture() if data is None else data), "upload", "application/octet-stream"
    return client.post(VARIATIONS, data={name: file, **fields})


@pytest.mark.parametrize("more", [{}, {"response_format": "b64_json"}])
def test_words_are_painted_as_open_webui_asks(client, more):
    response = client.post(GENERATIONS, json=OPEN_WEBUI | more)
    [image] = images_of(response)
    assert (image.format, image.size) == ("PNG", (64, 64))
    answer = response.json
    assert (answer["output_format"], answer["background"]) == ("png", "opaque")
    assert (answer["size"], answer["created"] > 1_700_000_000) == ("64x64", True)
    assert answer["usage"]["input_tokens_details"] == ZERO
    assert answer["data"][0].keys() == {"b64_json", "revised_prompt", "seed"}  # above all, no url


@pytest.mark.parametrize("model", [None, "dall-e-3", "gpt-image-1", "no/such model"])
def test_any_name_of_a_model_is_taken(client, model):
    assert paint(client, model=model).status_code == 200


def test_diffusers_names_are_extra_fields(client):
    fields = {"negative_prompt": "blur", "num_inference_steps": 2, "guidance_scale": 1.5, "seed": 7}
    response = paint(client, **fields, size="32x48")
    item = response.json["data"][0]
    said = read_parameters(base64.b64decode(item["b64_json"]))
    assert (said["Prompt"], said["Negative prompt"], said["Size"]) == ("a house", "blur", "32x48")
    assert (said["Steps"], said["CFG scale"], said["Seed"]) == ("2", "1.5", "7")
    assert (item["seed"], item["revised_prompt"]) == (7, "a house")


def test_seeds_of_several_images_count_up(client):
    response = paint(client, n=3, seed=7)
    assert [item["seed"] for item in response.json["data"]] == [7, 8, 9]
    assert [image.getpixel((0, 0))[0] for image in images_of(response)] == [7, 8, 9]


@pytest.mark.parametrize("size", [None, "auto", ""])
def test_no_size_is_the_models_own(client, size):
    assert [image.size for image in images_of(paint(client, size=size))] == [(64, 64)]


def test_width_and_height_count_where_there_is_no_size(client):
    sides = {"width": 32, "height": 48}
    assert [image.size for image in images_of(paint(client, **sides))] == [(32, 48)]
    assert [image.size for image in images_of(paint(client, **sides, size="64x64"))] == [(64, 64)]


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_format_can_be_said(client, name, kind):
    response = paint(client, output_format=name, output_compression=50)
    assert [image.format for image in images_of(response)] == [kind]
    assert b"DigitalSourceType" in base64.b64decode(response.json["data"][0]["b64_json"])


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_variation_is_painted_from_the_pictures_caption(client, name):
    response = vary(client, name=name, n="2", seed="7", size="32x48", response_format="b64_json")
    assert [image.size for image in images_of(response)] == [(32, 48)] * 2
    items = response.json["data"]
    assert [(item["revised_prompt"], item["seed"]) for item in items] == [
        (CAPTION, 7),
        (CAPTION, 8),
    ]


def test_a_variation_has_a_size_like_its_picture(client, services):
    sizes = Size(96, 48), Size(48, 96)
    services.generator.info = replace(services.generator.info, learnt_sizes=sizes)
    assert [image.size for image in images_of(vary(client))] == [(96, 48)]
    assert [image.size for image in images_of(vary(client, picture(10, 20)))] == [(48, 96)]


WRONG = [
    ({"prompt": None}, "prompt", "prompt must be text."),
    ({"prompt": ""}, "prompt", "prompt is empty: say what to draw."),
    ({"prompt": " \n"}, "prompt", "prompt is empty: say what to draw."),
    ({"prompt": ["x"]}, "prompt", "prompt must be text."),
    ({"prompt": "x" * 2001}, "prompt", "prompt has 2001 characters: at most 2000 are allowed."),
    ({"prompt": "\ud800"}, "prompt", "prompt holds half of a surrogate pair"),
    ({"negative_prompt": "\udfff"}, "negative_prompt", "negative_prompt holds half of"),
    ({"n": 0}, "n", "n must be a whole number from 1 to 10, not 0."),
    ({"n": 1000}, "n", "n must be a whole number from 1 to 10, not 1000."),
    ({"n": "many"}, "n", "n must be a whole number."),
    ({"n": 1.5}, "n", "n must be a whole number."),
    ({"size": "large"}, "size", "size must be WIDTHxHEIGHT, such as 1024x1024, or auto."),
    ({"size": "64"}, "size", "size must be WIDTHxHEIGHT"),
    ({"size": "-64x64"}, "size", "size must be WIDTHxHEIGHT"),
    ({"size": "６４x64"}, "size", "size must be WIDTHxHEIGHT"),
    ({"size": 64}, "size", "size must be text."),
    (
        {"size": "1024x64"},
        "size",
        "size is wrong: its width must be a multiple of 8 from 16 to 128 pixels.",
    ),
    ({"size": "64x999999"}, "size", "size is wrong: its height must be a multiple of 8"),
    ({"size": "64x33"}, "size", "size is wrong: its height must be a multiple of 8"),
    ({"width": 33}, "width", "width must be a multiple of 8 from 16 to 128 pixels."),
    ({"response_format": "url"}, "response_format", "response_format must be b64_json: this"),
    ({"response_format": {}}, "response_format", "response_format must be text."),
    ({"output_format": "gif"}, "output_format", "output_format must be one of png, jpeg, webp."),
    ({"output_compression": 101}, "output_compression", "output_compression must be a whole"),
    ({"partial_images": 4}, "partial_images", "partial_images must be a whole number from 0 to 3"),
    ({"partial_images": -1, "stream": True}, "partial_images", "partial_images must be a whole"),
    ({"stream": "perhaps"}, "stream", "stream must be true or false."),
    ({"num_inference_steps": 0}, "num_inference_steps", "num_inference_steps must be a whole"),
    ({"guidance_scale": 51}, "guidance_scale", "guidance_scale must be a number from 0 to 50"),
    ({"guidance_scale": float("nan")}, "guidance_scale", "guidance_scale must be a number"),
    ({"seed": -1}, "seed", "seed must be a whole number from 0 to 9223372036854775807, not -1."),
    ({"seed": 1e300}, "seed", "seed must be a whole number"),
]


@pytest.mark.parametrize(("fields", "param", "sentence"), WRONG)
def test_what_is_wrong_is_named_as_it_was_sent(patient, by_hand, fields, param, sentence):
    status, field, message = told(paint(patient, **fields))
    assert (status, field) == (400, param)
    assert message.startswith(sentence), message
    assert by_hand.generator.stats().jobs == 0


def test_words_that_are_missing_are_said_to_be(patient):
    assert told(patient.post(GENERATIONS, json={})) == (400, "prompt", "prompt is missing.")


@pytest.mark.parametrize(
    ("fields", "param", "sentence"),
    [
        ({"n": "1000"}, "n", "n must be a whole number from 1 to 10, not 1000."),
        ({"n": ""}, "n", "n must be a whole number."),
        ({"size": "8x8"}, "size", "size is wrong: its width must be a multiple of 8"),
        ({"response_format": "url"}, "response_format", "response_format must be b64_json"),
        ({"data": b"no picture"}, None, "The file is not an image of a known format"),
        ({"data": b""}, None, "The file is empty"),
        ({"name": "picture"}, "image", "image is missing: send a picture as a file of a form"),
    ],
)
def test_so_it_is_in_a_form(patient, by_hand, fields, param, sentence):
    status, field, message = told(vary(patient, **fields))
    assert (status, field) == (400, param)
    assert message.startswith(sentence), message
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"image": "x"}},
        {"data": b"--b\r\nContent-Disposition: form-data", "content_type": "multipart/form-data"},
        {"data": b"--b\r\n\r\n", "content_type": "multipart/form-data; boundary=b"},
        {"data": {"image": "https://picture.example/a.png"}},
        {},
    ],
)
def test_a_form_without_a_whole_picture_is_refused(patient, sent):
    assert told(patient.post(VARIATIONS, **sent))[:2] == (400, "image")


def test_of_several_pictures_one_is_asked_for(patient):
    files = [(BytesIO(picture()), "a"), (BytesIO(picture()), "b")]
    answer = told(patient.post(VARIATIONS, data={"image[]": files}))
    assert answer == (400, "image", "image holds several pictures: send one.")


def test_a_picture_that_the_captioner_fails_on_paints_nothing(client, services):
    status, _, message = told(vary(client, picture(color="red")))
    assert (status, message[:37]) == (500, "The captioner failed on this picture:")
    assert services.generator.stats().jobs == 0


def test_edits_are_refused_with_what_there_is_instead(patient):
    form = {"image": (BytesIO(picture()), "a"), "prompt": "x"}
    status, field, message = told(patient.post(EDITS, data=form))
    assert (status, field) == (400, "image")
    assert "has no image-to-image" in message
    assert VARIATIONS in message
    form = {"image": (BytesIO(picture()), "a"), "mask": (BytesIO(picture()), "b"), "prompt": "x"}
    status, field, message = told(patient.post(EDITS, data=form))
    assert (status, field, message[:22]) == (400, "mask", "mask is not supported:")


def test_a_client_that_leaves_takes_its_jobs_along(patient, by_hand):
    gone = {"waitress.client_disconnected": lambda: True}
    response = patient.post(GENERATIONS, json={"prompt": "x", "n": 3}, environ_overrides=gone)
    assert response.status_code == 499
    assert by_hand.generator.stats().jobs == 0
