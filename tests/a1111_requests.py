"""What front ends for AUTOMATIC1111's web UI send, and what they read in its answers."""

import base64
import json
from collections.abc import Callable
from concurrent.futures import Future
from io import BytesIO

from PIL import Image

TXT2IMG = "/sdapi/v1/txt2img"
PROGRESS = "/sdapi/v1/progress"
INTERRUPT = "/sdapi/v1/interrupt"
SECONDS = 10

POSTS = ["txt2img", "img2img", "interrogate", "png-info", "options", "interrupt", "skip"]
GETS = ["options", "progress", "sd-models", "samplers", "schedulers", "scripts", "embeddings"]
# Method and address of one of each; of those that share a view, one.
ROUTES = [("POST", f"/sdapi/v1/{name}") for name in [*POSTS, "refresh-vae"]]
ROUTES += [("GET", f"/sdapi/v1/{name}") for name in [*GETS, "cmd-flags", "loras"]]

# SillyTavern's server passes on all that its page knows, its own settings too.
SILLY_TAVERN = {
    "url": "http://127.0.0.1:5000",
    "auth": "anybody:key",
    "prompt": "a red house",
    "negative_prompt": "",
    "sampler_name": "Euler",
    "scheduler": "Automatic",
    "steps": 3,
    "cfg_scale": 7.5,
    "width": 32,
    "height": 48,
    "restore_faces": False,
    "enable_hr": False,
    "hr_upscaler": "Latent",
    "hr_scale": 1,
    "hr_additional_modules": [],
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 0,
    "seed": None,
    "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": None, "forge_additional": []},
    "override_settings_restore_afterwards": True,
    "clip_skip": 1,
    "save_images": True,
    "send_images": True,
    "do_not_save_grid": False,
    "do_not_save_samples": False,
}
OPEN_WEBUI = {
    "prompt": "a red house",
    "batch_size": 2,
    "width": 32,
    "height": 48,
    "steps": 3,
    "negative_prompt": "blur",
    "cfg_scale": 7.5,
    "scheduler": "Karras",
    "sampler_name": "DPM++ 2M",
}


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pngs(response) -> list[bytes]:
    """The images of an answer."""
    assert response.status_code == 200, response.text
    return [base64.b64decode(each, validate=True) for each in response.json["images"]]


def sizes(response) -> list[tuple[int, int]]:
    return [Image.open(BytesIO(png)).size for png in pngs(response)]


def info_of(response) -> dict:
    """What an answer says in its text that holds JSON."""
    return json.loads(response.json["info"])


def during(services, step: int, do: Callable[[], object]) -> Future:
    """What it returns, done on the painter's thread, once, when so many steps are done."""
    done: Future = Future()

    def on_stage(stage: str, prompt: str) -> None:
        if stage == "denoise" and len(services.generator.model.batches) == step and not done.done():
            done.set_result(do())

    services.generator.model.on_stage = on_stage
    return done
