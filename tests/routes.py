"""For tests that walk along all routes: what stands for an address's parts, and what a body is."""

import re
from typing import Any

VALUES = {
    "filename": "studio.js",
    "token": "x",
    "name": "stabilityai/stable-diffusion-xl-base-1.0",
}

# What a route is sent that takes more than a form with a prompt, by its endpoint.
BODIES: dict[str, dict[str, Any]] = {
    "huggingface.infer": {"json": {"inputs": "a house"}},
}


def address(rule: str, **values: str) -> str:
    """A rule of the app's ``url_map`` with values in place of its parts."""
    known = VALUES | values
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], rule)
