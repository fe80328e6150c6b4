"""ollama for JavaScript, as it is, on Node.js."""

import pytest

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

CAPTION = "a red house by the sea"
CLIENT = "import {Ollama} from 'ollama';\nconst client = new Ollama({host: server});\n"
ERROR = "catch (error) { told = [error.name, error.status_code, error.message]; }"


def test_models_are_listed_and_shown(server, javascript):
    told = javascript(
        CLIENT
        + """
        const [{name}] = (await client.list()).models;
        told = [name, (await client.show({model: name})).capabilities];
        """,
        server=server,
    )
    assert told == ["lookalike-demo-captioner:latest", ["completion", "vision"]]


def test_a_scene_is_captioned(server, javascript, example):
    told = javascript(
        CLIENT
        + """
        const asked = {model: 'blip', prompt: 'What is this?', images: [picture]};
        const {response, done} = await client.generate(asked);
        told = [response, done];
        """,
        server=server,
        picture=str(example),
    )
    assert told == [CAPTION, True]


def test_a_chat_in_parts_is_put_together_again(server, javascript, example):
    told = javascript(
        CLIENT
        + """
        const messages = [{role: 'user', content: 'describe it', images: [picture]}];
        told = '';
        for await (const part of await client.chat({model: 'blip', messages, stream: true}))
            told += part.message.content;
        """,
        server=server,
        picture=str(example),
    )
    assert told == CAPTION


@pytest.mark.parametrize("stream", ["true", "false"])
def test_an_error_is_the_clients_own(server, javascript, stream):
    told = javascript(
        f"{CLIENT} try {{ await client.generate({{model: 'gemma3', stream: {stream}}}); }} {ERROR}",
        server=server,
    )
    name, status, sentence = told
    assert (name, status) == ("ResponseError", 404)
    assert sentence.startswith("model 'gemma3' not found: this server has lookalike-demo-captioner")


def test_a_locked_door_is_told(locked, javascript):
    told = javascript(f"{CLIENT} try {{ await client.list(); }} {ERROR}", server=locked)
    assert told[:2] == ["ResponseError", 401]
