"""The versions of what runs here."""

import platform
from importlib.metadata import version

PACKAGES = ("torch", "diffusers", "transformers", "flask", "waitress")


def versions() -> dict[str, str]:
    """By name; Python's own among them. Reads files."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
