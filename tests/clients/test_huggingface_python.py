"""huggingface_hub's InferenceClient, as it is: captions, images, and what is refused."""

import pytest
from door_keys import ANNA
from huggingface_hub import InferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from PIL import Image, ImageChops
from refusals import refusals

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

CAPTION = "a red house by the sea"
SDXL = "models/stabilityai/stable-diffusion-xl-base-1.0"


@pytest.fixture
def client(server):
    return InferenceClient(model=server)


def is_same(one, other):
    return ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox() is None


@pytest.mark.parametrize("kind", ["bytes", "path", "text"])
def test_a_scene_is_captioned(client, example, kind):
    sent = {"bytes": example.read_bytes(), "path": example, "text": str(example)}[kind]
    assert client.image_to_text(sent).generated_text == CAPTION


def test_a_model_has_an_address_of_its_own(server, example):
    client = InferenceClient(model=f"{server}/models/Salesforce/blip-image-captioning-large")
    assert client.image_to_text(example).generated_text == CAPTION
    painter = InferenceClient(model=f"{server}/{SDXL}")
    assert painter.text_to_image(CAPTION).size == (128, 128)


def test_words_are_painted_and_can_be_read_back(client, tmp_path):
    image = client.text_to_image(CAPTION, seed=7)
    assert isinstance(image, Image.Image)
    assert image.size == (128, 128)
    image.save(tmp_path / "painted.png")
    assert "house" in client.image_to_text(tmp_path / "painted.png").generated_text


def test_parameters_arrive(client):
    parameters = {
        "width": 64,
        "height": 96,
        "num_inference_steps": 2,
        "guidance_scale": 1.5,
        "negative_prompt": "snow",
    }
    image = client.text_to_image(CAPTION, seed=7, **parameters)
    said = image.info["parameters"]
    assert image.size == (64, 96)
    for words in ("Negative prompt: snow", "Steps: 2", "CFG scale: 1.5", "Seed: 7"):
        assert words in said
    assert is_same(image, client.text_to_image(CAPTION, seed=7, **parameters))
    assert not is_same(image, client.text_to_image(CAPTION, seed=8, **parameters))


def test_what_is_wrong_is_the_clients_own_error(client):
    with pytest.raises(BadRequestError, match="width must be a multiple of 8"):
        client.text_to_image("a house", width=33)
    with pytest.raises(BadRequestError, match="The file is not an image of a known format"):
        client.image_to_text(b"no picture at all")
    with pytest.raises(BadRequestError, match="prompt is empty"):
        client.text_to_image(" ")


def test_a_picture_is_not_painted_over(client, example):
    with pytest.raises(BadRequestError, match="it has no image-to-image"):
        client.image_to_image(example, prompt="a blue house")


def test_another_model_is_told(server):
    with pytest.raises(HfHubHTTPError, match="Model gpt2 is not served here") as told:
        InferenceClient(model=f"{server}/models/gpt2").text_to_image("a house")
    assert told.value.response.status_code == 404


def test_a_full_queue_is_told_once(full):
    with pytest.raises(HfHubHTTPError, match="queue is full") as told:
        InferenceClient(model=full).text_to_image("a house")
    assert told.value.response.status_code == 429
    assert int(told.value.response.headers["Retry-After"]) >= 1
    assert refusals(full, 429) == 1


def test_the_token_is_the_key(locked):
    with pytest.raises(HfHubHTTPError, match="This is not a key of this server"):
        InferenceClient(model=locked, token="another-key-0123456789").text_to_image("a house")
    with pytest.raises(BadRequestError, match="prompt is empty"):
        InferenceClient(model=locked, token=ANNA).text_to_image(" ")
