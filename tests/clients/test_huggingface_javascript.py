"""@huggingface/inference, as it is, on Node.js."""

import pytest
from PIL import Image
from refusals import refusals

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

CAPTION = "a red house by the sea"
CLIENT = """
import {readFile, writeFile} from 'node:fs/promises';
import {InferenceClient} from '@huggingface/inference';
const client = new InferenceClient().endpoint(server);
"""
ERROR = "catch (error) { told = [error.name, error.httpResponse.status, error.message]; }"


def test_a_scene_is_captioned(server, javascript, example):
    told = javascript(
        f"""{CLIENT}
        const data = new Blob([await readFile(picture)], {{type: 'image/png'}});
        told = await client.imageToText({{data}});
        """,
        server=server,
        picture=str(example),
    )
    assert told == {"generated_text": CAPTION}


def test_words_are_painted_and_can_be_read_back(server, javascript, tmp_path):
    told = javascript(
        f"""{CLIENT}
        const parameters = {{seed: 7, width: 128, height: 128, num_inference_steps: 14}};
        const image = await client.textToImage({{inputs: words, parameters}});
        await writeFile(file, Buffer.from(await image.arrayBuffer()));
        told = [image.type, (await client.imageToText({{data: image}})).generated_text];
        """,
        server=server,
        words=CAPTION,
        file=str(tmp_path / "painted.png"),
    )
    assert told[0] == "image/png"
    assert "house" in told[1]
    with Image.open(tmp_path / "painted.png") as image:
        assert image.size == (128, 128)
        assert "Seed: 7" in image.info["parameters"]


def test_what_is_wrong_is_the_clients_own_error(server, javascript):
    asked = "{inputs: 'a house', parameters: {width: 33}}"
    told = javascript(
        f"{CLIENT} try {{ await client.textToImage({asked}); }} {ERROR}", server=server
    )
    assert told[1] == 400
    assert "width must be a multiple of 8" in told[2]


def test_a_full_queue_is_told_once(full, javascript):
    told = javascript(
        f"{CLIENT} try {{ await client.textToImage({{inputs: 'a house'}}); }} {ERROR}", server=full
    )
    assert told[1] == 429
    assert "queue is full" in told[2]
    assert refusals(full, 429) == 1
