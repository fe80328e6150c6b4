"""For tests that walk along all routes: what stands for an address's parts, and what a body is."""

import base64
import re
from typing import Any

from web_client import data_url, picture

VALUES = {
    "filename": "studio.js",
    "token": "x",
    "name": "stabilityai/stable-diffusion-xl-base-1.0",
}

# In base64.
PICTURE = base64.b64encode(picture()).decode()
IMAGE_URL = {"type": "image_url", "image_url": {"url": data_url(picture())}}
INPUT_IMAGE = {"type": "input_image", "image_url": data_url(picture())}
FORM = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
FORM += picture() + b"\r\n--b--\r\n"

# What a route is sent that takes more than a form with a prompt, by its endpoint.
BODIES: dict[str, dict[str, Any]] = {
    "caption_api.caption": {"json": {"image": PICTURE}},
    "huggingface.infer": {"json": {"inputs": "a house"}},
    "automatic1111.txt2img": {"json": {"prompt": "a house"}},
    "automatic1111.interrogate": {"json": {"image": PICTURE}},
    "automatic1111.png_info": {"json": {"image": PICTURE}},
    "automatic1111.lists.set_options": {"json": {}},
    "ollama.chat": {"json": {"model": "blip", "messages": [{"images": [PICTURE]}]}},
    "ollama.generate": {"json": {"model": "blip", "images": [PICTURE]}},
    "ollama.show": {"json": {"model": "blip"}},
    "ollama.pull": {"json": {"model": "blip"}},
    "openai.images.generate": {"json": {"prompt": "a house"}},
    "openai.images.vary": {"data": FORM, "content_type": "multipart/form-data; boundary=b"},
    "openai.captions.chat": {"json": {"messages": [{"role": "user", "content": [IMAGE_URL]}]}},
    "openai.captions.respond": {"json": {"input": [{"role": "user", "content": [INPUT_IMAGE]}]}},
}

# Routes that tell clients what is not offered here.
REFUSING = {"automatic1111.img2img", "openai.images.edit"}


def address(rule: str, **values: str) -> str:
    """A rule of the app's ``url_map`` with values in place of its parts."""
    known = VALUES | values
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], rule)
