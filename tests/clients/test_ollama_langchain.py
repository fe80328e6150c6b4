"""langchain-ollama as it is: it always streams."""

import base64

import pytest
from packages import marks, package

langchain_ollama, ollama = package("langchain_ollama"), package("ollama")
pytestmark = marks(langchain_ollama)

CAPTION = "a red house by the sea"


@pytest.fixture
def model(server):
    model = langchain_ollama.ChatOllama(
        model="lookalike-demo-captioner", base_url=server, validate_model_on_init=True
    )
    yield model
    model._client.close()


def message(data, text="What is this?"):
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return ("user", [{"type": "text", "text": text}, {"type": "image_url", "image_url": url}])


def test_a_picture_in_a_message_is_captioned(model, example):
    answer = model.invoke([("system", "You describe."), message(example.read_bytes())])
    assert answer.content == CAPTION
    assert answer.response_metadata["done_reason"] == "stop"
    assert answer.usage_metadata["output_tokens"] == len(CAPTION.split())


def test_a_stream_is_put_together_again(model, example):
    parts = model.stream([message(example.read_bytes())])
    assert "".join(part.content for part in parts) == CAPTION


def test_what_is_no_picture_is_the_clients_own_error(model):
    with pytest.raises(
        ollama.ResponseError, match="The file is not an image of a known format"
    ) as told:
        model.invoke([message(b"no picture")])
    assert told.value.status_code == 400


def test_json_is_refused(model, example):
    asking = model.bind(format="json")
    with pytest.raises(ollama.ResponseError, match="format asks for JSON"):
        asking.invoke([message(example.read_bytes())])
