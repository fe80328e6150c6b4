"""openai for Python, as it is: images of what was asked for, seeds, sizes, streams and errors."""

import asyncio
import base64
from io import BytesIO

import pytest
from door_keys import ANNA
from packages import marks, package, run
from PIL import Image

openai = package("openai")

pytestmark = marks(openai)

WORDS = "a red house by the sea"


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


def image_of(item):
    image = Image.open(BytesIO(base64.b64decode(item.b64_json)))
    image.load()
    return image


def caption_of(client, item):
    """What the demo captioner sees in an image."""
    part = {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{item.b64_json}"},
    }
    messages = [{"role": "user", "content": [part]}]
    answer = client.chat.completions.create(model="blip", messages=messages)
    return answer.choices[0].message.content


def test_words_become_an_image_of_them(client):
    answer = client.images.generate(model="gpt-image-1", prompt=WORDS, extra_body={"seed": 7})
    [item] = answer.data
    assert image_of(item).size == (128, 128)
    assert answer.size == "128x128"
    assert answer.usage.total_tokens == 0
    assert "house" in caption_of(client, item)


def test_seeds_count_up_and_paint_the_same_again(client):
    more = {"seed": 7, "num_inference_steps": 4, "negative_prompt": "rain", "guidance_scale": 2}
    asked = {"prompt": WORDS, "size": "64x96", "extra_body": more}
    answer = client.images.generate(**asked, n=2, output_format="webp", output_compression=80)
    assert [item.seed for item in answer.data] == [7, 8]
    assert [image_of(item).size for item in answer.data] == [(64, 96)] * 2
    assert image_of(answer.data[0]).format == "WEBP"
    first, again = (client.images.generate(**asked).data[0].b64_json for _ in range(2))
    assert first == again


# The client says so, as OpenAI's own service has no variations any more.
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation_is_painted_from_the_caption(client, example):
    data = example.read_bytes()
    for image in (example, data, ("a.png", BytesIO(data), "image/png")):
        answer = client.images.create_variation(image=image, response_format="b64_json")
        [item] = answer.data
        assert item.revised_prompt == WORDS
    assert "house" in caption_of(client, item)


def test_partial_images_become_the_image(client):
    with client.images.generate(
        prompt=WORDS, stream=True, partial_images=3, extra_body={"seed": 7}
    ) as stream:
        *partial, completed = list(stream)
    assert completed.type == "image_generation.completed"
    assert completed.usage.total_tokens == 0
    assert {event.type for event in partial} == {"image_generation.partial_image"}
    assert [event.partial_image_index for event in partial] == list(range(len(partial)))
    assert 1 <= len(partial) <= 3
    assert {image_of(event).size for event in (*partial, completed)} == {(128, 128)}
    whole = client.images.generate(prompt=WORDS, extra_body={"seed": 7}).data[0]
    assert image_of(completed).tobytes() == image_of(whole).tobytes()


def test_an_asynchronous_client_is_answered(server):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{server}/v1", api_key="none") as client:
            asked = [client.images.generate(prompt=WORDS, size="64x64") for _ in range(3)]
            return await asyncio.gather(*asked)

    answers = run(ask)
    assert [image_of(answer.data[0]).size for answer in answers] == [(64, 64)] * 3


@pytest.mark.parametrize(
    ("asked", "param", "sentence"),
    [
        ({"prompt": ""}, "prompt", "prompt is empty: say what to draw."),
        ({"n": 1000}, "n", "n must be a whole number from 1 to 10, not 1000."),
        ({"size": "1024x1024"}, "size", "size is wrong: its width must be a multiple of 8"),
        ({"response_format": "url"}, "response_format", "response_format must be b64_json"),
        ({"output_format": "svg"}, "output_format", "output_format must be one of png"),
        ({"stream": True, "n": 0}, "n", "n must be a whole number from 1 to 10, not 0."),
    ],
)
def test_an_error_is_the_clients_own(client, asked, param, sentence):
    with pytest.raises(openai.BadRequestError) as told:
        client.images.generate(**{"prompt": WORDS, **asked})
    assert (told.value.param, told.value.type) == (param, "invalid_request_error")
    assert told.value.body["message"].startswith(sentence)
    assert told.value.request_id


def test_an_edit_and_a_mask_are_refused(client, example):
    with pytest.raises(openai.BadRequestError, match="no image-to-image"):
        client.images.edit(image=example, prompt=WORDS)
    with pytest.raises(openai.BadRequestError, match="no image-to-image"):
        client.images.edit(image=[example, example], prompt=WORDS)
    with pytest.raises(openai.BadRequestError, match="mask is not supported"):
        client.images.edit(image=example, mask=example, prompt=WORDS)


def test_models_are_listed_and_looked_up(client):
    names = [model.id for model in client.models.list()]
    assert len(names) == 2
    assert client.models.retrieve(names[0]).object == "model"
    with pytest.raises(openai.NotFoundError, match="not served here"):
        client.models.retrieve("some/other")


def test_a_locked_door_is_told(locked):
    with openai.OpenAI(base_url=f"{locked}/v1", api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError, match="not a key of this server") as told:
            client.images.generate(prompt=WORDS)
        assert told.value.code == "invalid_api_key"
    with openai.OpenAI(base_url=f"{locked}/v1", api_key=ANNA) as client:
        assert list(client.models.list()) == []
