"""ollama for Python, as it is: the caption of a drawn scene, and what is refused."""

import base64

import pytest
from door_keys import ANNA
from packages import marks, package, run

ollama = package("ollama")
pytestmark = marks(ollama)

CAPTION = "a red house by the sea"
MODEL = "lookalike-demo-captioner"


@pytest.fixture
def client(server):
    with ollama.Client(server) as client:
        yield client


def test_the_captioner_is_listed_and_shown(client):
    listed, short = client.list().models
    assert (listed.model, short.model) == (f"{MODEL}:latest", "blip:latest")
    shown = client.show(listed.model)
    assert "vision" in shown.capabilities
    assert "any other prompt is ignored" in shown.modelinfo["general.description"]


@pytest.mark.parametrize("name", [MODEL, f"{MODEL}:latest", "blip"])
def test_a_scene_is_captioned(client, example, name):
    said = client.generate(name, "What is in this picture?", images=[example])
    assert (said.response, said.done, said.model) == (CAPTION, True, name)
    assert said.total_duration > 0


def test_bytes_base64_and_several_pictures_are_captioned(client, example):
    data = example.read_bytes()
    images = [data, base64.b64encode(data).decode()]
    assert client.generate("blip", images=images).response == f"{CAPTION}\n{CAPTION}"


def test_a_stream_is_put_together_again(client, example):
    parts = list(client.generate("blip", images=[example], stream=True))
    assert "".join(part.response for part in parts) == CAPTION
    assert [part.done for part in parts] == [False, True]


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_is_answered(client, example, stream):
    messages = [{"role": "user", "content": "describe this", "images": [example]}]
    answer = client.chat("blip", messages, stream=stream)
    parts = list(answer) if stream else [answer]
    assert "".join(part.message.content for part in parts) == CAPTION
    assert parts[0].message.role == "assistant"


def test_a_short_prompt_begins_the_caption(client, example):
    said = client.generate("blip", "a yellow", images=[example]).response
    assert said.startswith("a yellow")


def test_num_predict_bounds_the_caption(client, example):
    said = client.generate("blip", images=[example], options={"num_predict": 3}).response
    assert CAPTION.startswith(said)
    assert len(said.split()) <= 3


def test_an_asynchronous_client_is_answered(server, example):
    async def ask():
        async with ollama.AsyncClient(server) as client:
            parts = await client.generate("blip", images=[example], stream=True)
            return "".join([part.response async for part in parts])

    assert run(ask) == CAPTION


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"model": "gemma3"}, 404, "model 'gemma3' not found: this server has lookalike-demo"),
        ({"images": [], "prompt": "why?"}, 400, "images is missing: this model captions pictures"),
        ({"images": [b"no picture"]}, 400, "The file is not an image of a known format"),
        ({"format": "json"}, 400, "format asks for JSON"),
    ],
)
def test_an_error_is_the_clients_own(client, example, asked, status, sentence, stream):
    asked = {"model": "blip", "images": [example], **asked}
    with pytest.raises(ollama.ResponseError) as told:
        list(client.generate(**asked, stream=stream))
    assert told.value.status_code == status
    assert told.value.error.startswith(sentence)


def test_tools_are_refused(client, example):
    def weather(city: str) -> str:
        """Tells the weather."""

    messages = [{"role": "user", "images": [example]}]
    with pytest.raises(ollama.ResponseError, match="tools is not supported"):
        client.chat("blip", messages, tools=[weather])


def test_the_key_of_the_environment_opens_the_door(locked, monkeypatch):
    with ollama.Client(locked) as client, pytest.raises(ollama.ResponseError) as told:
        client.list()
    assert told.value.status_code == 401
    monkeypatch.setenv("OLLAMA_API_KEY", ANNA)
    with ollama.Client(locked) as client:
        assert client.list().models == []
