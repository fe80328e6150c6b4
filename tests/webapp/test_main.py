"""The whole server with the demo models, as it is started."""

import base64
import json
import shutil
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from captioner.blip import Blip
from captioner.request import CaptionRequest
from models_cache.catalog import DEMO_CAPTIONER
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store

pytestmark = [pytest.mark.demo, pytest.mark.slow]

VISIT = [sys.executable, "tests/webapp/visit.py"]
# Nothing to talk to: not even the registries, hubs and proxies that a library may know.
NO_NETWORK = ["unshare", "--map-root-user", "--net"]


def serve(*flags: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected not to start."""
    command = [sys.executable, "-m", "webapp", "--models", "demo", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*NO_NETWORK, "true"]).returncode == 0


@pytest.mark.parametrize("where", ["here", "without a network"])
def test_a_picture_of_a_red_house_becomes_its_words_and_an_image_of_one(where):
    if where != "here" and not can_unshare():
        pytest.skip("this system lets nobody make a network namespace")
    command = VISIT if where == "here" else [*NO_NETWORK, *VISIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["status"], seen["caption"]) == ("succeeded", "a red house by the sea")
    assert seen["exit_code"] == 0
    assert seen["network"] == []
    if where != "here":
        assert seen["interfaces"] == ["lo"]
    blip = Blip.load(Store().locate(DEMO_CAPTIONER), Placement(torch.device("cpu")))
    images = [Image.open(BytesIO(base64.b64decode(seen[key]))) for key in ("image", "api_image")]
    captions = blip.caption_batch([CaptionRequest(image.convert("RGB")) for image in images])
    assert "a red house by the sea" in captions
    assert all("house" in caption for caption in captions)


@pytest.mark.parametrize("flag", ["--port", "--api-port"])
def test_a_port_that_is_taken_is_named_with_its_flag(flag):
    other = {"--port": "--api-port", "--api-port": "--port"}[flag]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(flag, str(port), other, "0")
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert f"Choose another with {flag}." in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_named_with_its_flag():
    done = serve("--host", "192.0.2.1", "--insecure-open", "--port", "0", "--api-port", "0")
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("Choose another with --host.")


@pytest.mark.parametrize(
    "damage", ["model_index.json", "unet/diffusion_pytorch_model.fp16.safetensors"]
)
def test_damaged_models_are_named_before_anything_listens(tmp_path: Path, damage):
    folder = tmp_path / "generator"
    shutil.copytree("models_cache/demo/generator", folder)
    file = folder / damage
    file.write_bytes(file.read_bytes()[:-20])
    done = serve("--generator", str(folder), "--port", "0", "--api-port", "0")
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_weights_that_do_not_fit_their_config_are_named_before_anything_listens(tmp_path: Path):
    folder = tmp_path / "generator"
    shutil.copytree("models_cache/demo/generator", folder)
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 96', '"hidden_size": 48'))
    done = serve("--generator", str(folder), "--port", "0", "--api-port", "0")
    assert f"{folder / 'text_encoder'} do not fit the config beside them" in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)
    assert "Traceback" not in done.stderr


def test_a_model_that_fails_while_it_loads_ends_the_server_that_had_begun(tmp_path: Path):
    """Only loading finds out that a tokenizer makes nothing of words."""
    folder = tmp_path / "captioner"
    shutil.copytree("models_cache/demo/captioner", folder)
    (folder / "tokenizer.json").write_text("{}")
    done = serve("--captioner", str(folder), "--port", "0", "--api-port", "0")
    assert "The page:" in done.stdout
    assert "the captioner could not be loaded" in done.stderr
    assert done.returncode == 1


def test_an_address_that_others_can_reach_is_refused():
    done = serve("--host", "0.0.0.0")
    assert done.returncode == 2
    assert "argument --host: 0.0.0.0 can be reached by others" in done.stderr
    assert "add --key-file FILE" in done.stderr


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_loaded(tmp_path: Path):
    file = tmp_path / "a file"
    file.write_text("")
    done = serve("--keep", str(file), "--generator", "/nothing")
    assert done.returncode == 2
    assert done.stderr == (
        f"scripts/serve: pictures cannot be kept in {file}: File exists."
        " Name another folder with --keep.\n"
    )
    assert done.stdout == ""


def test_a_wrong_key_file_is_named_before_anything_is_loaded(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text("anna short\n")
    done = serve("--key-file", str(file), "--generator", "/nothing")
    assert done.returncode == 2
    assert done.stderr.startswith(f"scripts/serve: line 1 of the key file {file} cannot be read.")
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
