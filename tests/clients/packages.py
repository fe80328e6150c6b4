"""The Python packages that tests/clients run, which need not be installed."""

from importlib import import_module
from types import ModuleType

import pytest


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
