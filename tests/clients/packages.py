"""The Python packages that tests/clients run, which need not be installed."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import ModuleType
from typing import TypeVar

import pytest

Answer = TypeVar("Answer")


def run(ask: Callable[[], Coroutine[None, None, Answer]]) -> Answer:
    """On a thread of its own: in this one, the browser's tests leave a loop that runs."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(ask())).result()


def package(name: str) -> ModuleType | None:
    """None if it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def marks(package: ModuleType | None) -> list[pytest.MarkDecorator]:
    """For a module of tests with the package.

    Tests are skipped one by one: CI cannot call it a failure if a whole module is left out.
    """
    reason = "requirements-clients.txt is not installed"
    skip = pytest.mark.skipif(package is None, reason=reason)
    return [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients, skip]
