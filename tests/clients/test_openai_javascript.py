"""openai for JavaScript, as it is, on Node.js."""

import base64
from io import BytesIO

import pytest
from PIL import Image

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

CAPTION = "a red house by the sea"
CLIENT = """
import OpenAI, { toFile } from 'openai';
import { readFileSync } from 'node:fs';
const client = new OpenAI({ baseURL: server + '/v1', apiKey: 'none', maxRetries: 0 });
"""
CHAT = """
const url = 'data:image/png;base64,' + readFileSync(picture).toString('base64');
const content = [{ type: 'image_url', image_url: { url } }];
const messages = [{ role: 'user', content }];
"""


def size_of(sent):
    with Image.open(BytesIO(base64.b64decode(sent))) as image:
        return image.size


def test_words_become_an_image(server, javascript):
    told = javascript(
        CLIENT
        + """
        const asked = { model: 'gpt-image-1', prompt: 'a red house', size: '64x96', seed: 7 };
        const { data: [item] } = await client.images.generate(asked);
        told = [item.b64_json, item.seed];
        """,
        server=server,
    )
    assert (size_of(told[0]), told[1]) == ((64, 96), 7)


def test_a_variation_is_painted_from_the_caption(server, javascript, example):
    told = javascript(
        CLIENT
        + """
        const image = await toFile(readFileSync(picture), 'a.png');
        const { data: [item] } = await client.images.createVariation({ image });
        told = [item.b64_json, item.revised_prompt];
        """,
        server=server,
        picture=str(example),
    )
    assert (size_of(told[0]), told[1]) == ((128, 128), CAPTION)


def test_partial_images_become_the_image(server, javascript):
    told = javascript(
        CLIENT
        + """
        told = [];
        const asked = { prompt: 'a red house', stream: true, partial_images: 2 };
        for await (const event of await client.images.generate(asked))
            told.push([event.type, event.b64_json]);
        """,
        server=server,
    )
    assert told[0][0] == "image_generation.partial_image"
    assert told[-1][0] == "image_generation.completed"
    assert {size_of(sent) for _, sent in told} == {(128, 128)}


def test_chats_and_responses_are_answered_with_the_caption(server, javascript, example):
    told = javascript(
        CLIENT
        + CHAT
        + """
        const whole = await client.chat.completions.create({ model: 'blip', messages });
        told = [whole.choices[0].message.content, ''];
        const chat = { model: 'blip', messages, stream: true };
        for await (const chunk of await client.chat.completions.create(chat))
            told[1] += chunk.choices[0].delta.content ?? '';
        const input = [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }];
        told.push((await client.responses.create({ model: 'blip', input })).output_text);
        const stream = client.responses.stream({ model: 'blip', input });
        told.push((await stream.finalResponse()).output_text);
        """,
        server=server,
        picture=str(example),
    )
    assert told == [CAPTION] * 4


def test_an_error_is_the_clients_own(server, javascript):
    told = javascript(
        CLIENT
        + """
        try { await client.images.generate({ prompt: 'a house', size: '1x1' }); }
        catch (error) {
            told = [error instanceof OpenAI.BadRequestError, error.param, error.message];
        }
        """,
        server=server,
    )
    assert told[:2] == [True, "size"]
    assert "size is wrong: its width must be a multiple of 8" in told[2]


def test_a_full_queue_is_a_rate_limit_error(full, javascript):
    told = javascript(
        CLIENT
        + """
        try { await client.images.generate({ prompt: 'a house' }); }
        catch (error) { told = [error instanceof OpenAI.RateLimitError, error.code]; }
        """,
        server=full,
    )
    assert told == [True, "rate_limit_exceeded"]
