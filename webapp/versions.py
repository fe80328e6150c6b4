"""The versions of what runs here."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

PACKAGES = ("torch", "diffusers", "transformers", "flask", "waitress")


def differences(own: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Where two processes that work together have not the same, in words; "" if nowhere."""
    return ", ".join(
        f"{name} {theirs.get(name)} where the server has {version}"
        for name, version in own.items()
        if version != theirs.get(name)
    )


def versions() -> dict[str, str]:
    """By name; Python's own among them. Reads files."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
