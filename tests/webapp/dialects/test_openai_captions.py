"""OpenAI's chat and responses: the caption of a picture is the answer."""

import json

import pytest
from elsewhere import model_of
from openai_answers import CHAT, RESPONSES, event_of, told
from web_client import CAPTION, data_url, picture

from captioner.request import Caption

PICTURE = data_url(picture())
OTHER = data_url(picture(30, 40))
TEXT = {"type": "text", "text": "What is in this image?"}
HOST = "https://picture.example/a.png"


def part(url):
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def user(*parts):
    return {"role": "user", "content": list(parts)}


def chat(client, *messages, **fields):
    return client.post(CHAT, json={"model": "gpt-4o", "messages": list(messages), **fields})


def respond(client, *parts, **fields):
    return client.post(RESPONSES, json={"model": "gpt-4o", "input": [user(*parts)], **fields})


def test_the_caption_is_the_answer_of_a_chat(client):
    answer = chat(client, user(TEXT, part(PICTURE)), max_tokens=300).json
    assert (answer["object"], answer["model"]) == ("chat.completion", "gpt-4o")
    message = {"role": "assistant", "content": CAPTION, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    assert answer["choices"] == [choice]
    assert answer["usage"]["total_tokens"] == 0


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief."}, user(part(PICTURE))],
        [user(part(PICTURE)), {"role": "assistant", "content": "a house"}, user(TEXT)],
        [user(part(OTHER)), {"role": "assistant", "content": None}, user(part(PICTURE))],
        [user({"type": "image_url", "image_url": PICTURE})],
        [user(part(PICTURE.partition(",")[2]))],
        [user("text", 5, None, part(PICTURE))],
    ],
    ids=["system", "asked again", "the last", "text", "without data:", "odd parts"],
)
def test_the_last_picture_is_captioned_wherever_it_stands(client, messages):
    assert chat(client, *messages).json["choices"][0]["message"]["content"] == CAPTION


def test_a_caption_is_told_without_the_captioners_tics(client, services):
    model_of(services.captioner).caption_batch = lambda batch: [Caption("arafed dog dog on a rug")]
    answer = chat(client, user(part(PICTURE))).json
    assert answer["choices"][0]["message"]["content"] == "dog on a rug"


@pytest.mark.parametrize("more", [{}, {"stream_options": {"include_usage": True}}])
def test_a_chat_can_be_a_stream(client, more):
    response = chat(client, user(part(PICTURE)), stream=True, **more)
    assert response.mimetype == "text/event-stream"
    *chunks, done = [line.removeprefix("data: ") for line in response.text.split("\n\n")[:-1]]
    assert done == "[DONE]"
    chunks = [json.loads(chunk) for chunk in chunks]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == CAPTION
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]
    assert ("usage" in chunks[-1]) == bool(more)


def test_the_caption_is_the_answer_of_a_response(client):
    question = {"type": "input_text", "text": "Describe it."}
    answer = respond(client, question, {"type": "input_image", "image_url": PICTURE}).json
    assert (answer["object"], answer["status"], answer["model"]) == (
        "response",
        "completed",
        "gpt-4o",
    )
    [text] = answer["output"][0]["content"]
    assert (text["type"], text["text"]) == ("output_text", CAPTION)


def test_a_response_can_be_a_stream(client):
    response = respond(client, {"type": "input_image", "image_url": PICTURE}, stream=True)
    events = [event_of(f"{text}\n\n") for text in response.text.split("\n\n")[:-1]]
    assert [event["sequence_number"] for event in events] == list(range(9))
    assert events[0]["type"] == "response.created"
    assert [e["delta"] for e in events if e["type"] == "response.output_text.delta"] == [CAPTION]
    whole = events[-1]["response"]
    assert (whole["status"], whole["output"][0]["content"][0]["text"]) == ("completed", CAPTION)
    assert events[0]["response"]["id"] == whole["id"]


def test_without_a_name_the_captioners_own_is_told(client):
    assert chat(client, user(part(PICTURE)), model=None).json["model"] == "captioner"


@pytest.mark.parametrize("content", ["hello", [TEXT]])
def test_to_words_alone_it_says_what_it_needs(client, content):
    """Programs say hello before they are used, and take a refusal for a server that is away."""
    said = "This model captions pictures: send one."
    message = {"role": "user", "content": content}
    assert chat(client, message).json["choices"][0]["message"]["content"] == said
    whole = client.post(RESPONSES, json={"input": [message]}).json
    assert whole["output"][0]["content"][0]["text"] == said


URL = "messages[0].content[0].image_url.url"
WRONG = [
    ([], {}, "messages", "messages holds no picture: this server's captioner needs one"),
    ([{"role": "user", "content": ""}], {}, "messages", "messages holds no picture"),
    ([5], {}, "messages.0", "messages.0 must be an object."),
    ([user(part(HOST))], {}, URL, f"{URL} is an address, and this server fetches nothing"),
    ([user(part("file:///etc/passwd"))], {}, URL, f"{URL} is an address"),
    ([user(part("data:image/png;base64,***"))], {}, URL, f"{URL} is no picture in base64."),
    ([user(part("\ud800"))], {}, URL, f"{URL} is no picture in base64."),
    ([user(part(None))], {}, URL, f"{URL} is missing."),
    ([user(part(5))], {}, URL, f"{URL} must be text."),
    ([user(part(""))], {}, None, "The file is empty"),
    ([user(part("data:,aGVsbG8="))], {}, None, "The file is not an image of a known format"),
    (
        [user(part(PICTURE), part(OTHER))],
        {},
        "messages[0].content",
        "messages[0].content holds several pictures: send one at a time.",
    ),
    (
        [user(part(PICTURE))],
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format",
        "response_format asks for JSON: this server's captioner writes one sentence",
    ),
    ([user(part(PICTURE))], {"stream": "perhaps"}, "stream", "stream must be true or false."),
    ([user(part(PICTURE))], {"model": 5}, "model", "model must be text."),
    ([user(part(PICTURE))], {"stream_options": 5}, "stream_options", "stream_options must be an"),
]


@pytest.mark.parametrize(("messages", "fields", "param", "sentence"), WRONG)
def test_what_is_wrong_with_a_chat_is_named(client, messages, fields, param, sentence):
    status, field, message = told(chat(client, *messages, **fields))
    assert (status, field) == (400, param)
    assert message.startswith(sentence), message


ITEM = {"type": "input_image", "image_url": PICTURE}
FILE = "input[0].content[0].file_id"


@pytest.mark.parametrize(
    ("fields", "param", "sentence"),
    [
        ({"input": ""}, "input", "input holds no picture"),
        ({"input": 5}, "input", "input holds no picture"),
        ({"input": [5, {}]}, "input", "input holds no picture"),
        ({}, "input", "input is missing."),
        (
            {"input": [user({"type": "input_image", "file_id": "file-1"})]},
            FILE,
            f"{FILE} names a file, and this server keeps none",
        ),
        (
            {"input": [user(ITEM)], "text": {"format": {"type": "json_schema"}}},
            "text.format",
            "text.format asks for JSON",
        ),
    ],
)
def test_what_is_wrong_with_a_response_is_named(client, fields, param, sentence):
    status, field, message = told(client.post(RESPONSES, json=fields))
    assert (status, field) == (400, param)
    assert message.startswith(sentence), message


def test_plain_text_may_be_asked_for_by_name(client):
    plain = {"type": "text"}
    assert chat(client, user(part(PICTURE)), response_format=plain).status_code == 200
    assert respond(client, ITEM, text={"format": plain}).status_code == 200
