"""openai for Python, as it is: chats and responses that caption a picture."""

import base64

import pytest
from packages import marks, package, run

openai = package("openai")

pytestmark = marks(openai)

CAPTION = "a red house by the sea"


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def data_url(example):
    return f"data:image/png;base64,{base64.b64encode(example.read_bytes()).decode()}"


def chat(url):
    text = {"type": "text", "text": "What is in this image?"}
    content = [text, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}]}


def question(url):
    text = {"type": "input_text", "text": "What is in this image?"}
    content = [text, {"type": "input_image", "image_url": url, "detail": "auto"}]
    return {"model": "gpt-4o-mini", "input": [{"role": "user", "content": content}]}


def test_a_chat_is_answered_with_the_caption(client, data_url):
    answer = client.chat.completions.create(**chat(data_url), max_tokens=300)
    assert answer.choices[0].message.content == CAPTION
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "gpt-4o-mini")
    assert answer.usage.total_tokens == 0


def test_a_chat_in_parts_is_put_together_again(client, data_url):
    usage = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(**chat(data_url), stream=True, stream_options=usage)
    )
    said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(said) == CAPTION
    assert chunks[-1].usage.total_tokens == 0
    with client.chat.completions.stream(**chat(data_url)) as stream:
        assert stream.get_final_completion().choices[0].message.content == CAPTION


def test_a_response_is_the_caption(client, data_url):
    answer = client.responses.create(**question(data_url))
    assert (answer.output_text, answer.status) == (CAPTION, "completed")
    assert answer.usage.total_tokens == 0


def test_a_response_in_parts_is_put_together_again(client, data_url):
    events = list(client.responses.create(**question(data_url), stream=True))
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == [CAPTION]
    with client.responses.stream(**question(data_url)) as stream:
        assert stream.get_final_response().output_text == CAPTION


def test_an_asynchronous_client_is_answered(server, data_url):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{server}/v1", api_key="none") as client:
            return await client.chat.completions.create(**chat(data_url))

    assert run(ask).choices[0].message.content == CAPTION


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://picture.example/a.png", "is an address, and this server fetches nothing"),
        ("data:image/png;base64,%%%", "is no picture in base64"),
        ("data:image/png;base64,aGVsbG8=", "The file is not an image of a known format"),
    ],
)
def test_an_error_is_the_clients_own(client, url, sentence):
    with pytest.raises(openai.BadRequestError, match=sentence):
        client.chat.completions.create(**chat(url))
    with pytest.raises(openai.BadRequestError, match=sentence):
        client.responses.create(**question(url))
    with pytest.raises(openai.BadRequestError, match=sentence):
        client.chat.completions.create(**chat(url), stream=True)


def test_words_alone_are_told_what_is_needed(client):
    """As programs say hello before they are used."""
    words, needed = [{"role": "user", "content": "Hi"}], "This model captions pictures: send one."
    chatted = client.chat.completions.create(model="gpt-4o", messages=words)
    assert chatted.choices[0].message.content == needed
    assert client.responses.create(model="gpt-4o", input="Hi").output_text == needed


def test_answers_in_json_are_refused(client, data_url):
    with pytest.raises(openai.BadRequestError, match="response_format asks for JSON"):
        client.chat.completions.create(**chat(data_url), response_format={"type": "json_object"})
