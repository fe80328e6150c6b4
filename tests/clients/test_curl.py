"""curl, with the lines of docs/clients.md: no content type is right, and every picture is read."""

import base64
import json
import shutil
import subprocess
from io import BytesIO

import pytest
from PIL import Image

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

CAPTION = "a red house by the sea"
SAID = {"caption": CAPTION, "is_familiar": True}
SECONDS = 60


@pytest.fixture
def curl():
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return lambda *arguments: (
        subprocess.run(
            ["curl", "-s", *arguments], capture_output=True, check=True, timeout=SECONDS
        ).stdout
    )


def test_a_picture_is_captioned(curl, server, example):
    address = f"{server}/caption"
    assert json.loads(curl("--data-binary", f"@{example}", address)) == SAID
    pictures = ["-F", f"image=@{example}"] * 2
    assert json.loads(curl(*pictures, address)) == [SAID, SAID]
    assert json.loads(curl(*pictures[:2], "-F", "prefix=a red", address)) == SAID


def test_base64_is_captioned(curl, server, example, tmp_path):
    body = {"image": base64.b64encode(example.read_bytes()).decode()}
    (tmp_path / "body.json").write_text(json.dumps(body))
    assert json.loads(curl("-d", f"@{tmp_path}/body.json", f"{server}/caption")) == SAID


@pytest.mark.parametrize("path", ["", "/models/Salesforce/blip-image-captioning-large"])
def test_the_hosted_apis_own_lines_are_answered(curl, server, example, path):
    said = json.loads(curl("--data-binary", f"@{example}", server + path))
    assert said == [{"generated_text": CAPTION}]


@pytest.mark.parametrize("path", ["", "/models/stabilityai/stable-diffusion-xl-base-1.0"])
def test_words_are_painted(curl, server, path):
    image = curl(server + path, "-d", json.dumps({"inputs": CAPTION}))
    assert Image.open(BytesIO(image)).size == (128, 128)
