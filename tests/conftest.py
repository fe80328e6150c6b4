"""What every test runs under."""

import os
import re
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from models_cache import environment

environment.prepare(online=True)  # for the hub on this machine, which tests bring themselves

OUR_THREADS = ("generator", "captioner", "server", "waitress")

FAST = "not (tiny or demo or browser or pictures or gpu or simulated_card or slow)"
HEAVY_FOLDERS = ("browser", "clients", "gpu", "simulated_card")
# Modules that take seconds to import before their tests could be deselected.
HEAVY_IMPORT = re.compile(
    r"^(?:import|from) (?:torch|tiny|layouts|playwright|captioner\.(?:blip|__main__)"
    r"|webapp\.(?:models|__main__)"
    r"|generator\.(?:__main__|sdxl|pipeline|schedulers|sample|decoder|forward|preview)"
    r"|models_cache\.runtime\.(?:device|gpu_fit|offload|tensors)|scripts\.benchmarks"
    r"|scripts\.demo_models(?!\.(?:brush|drawing|scenes)\b))\b",
    re.M,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "only what needs no model, no browser and no patience"
    parser.addoption("--fast", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fast"):
        config.option.markexpr = FAST


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("--fast"):
        return None
    if collection_path.is_dir():
        return True if collection_path.name in HEAVY_FOLDERS else None
    if collection_path.suffix != ".py":
        return None
    is_heavy = HEAVY_IMPORT.search(collection_path.read_text(encoding="utf-8"))
    return True if is_heavy else None


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Fails a test that leaves one of our threads alive."""
    before = threading.enumerate()
    yield
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith(OUR_THREADS)
    ]
    assert not left, f"the test left threads alive: {', '.join(left)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where ``LOOKALIKE_REQUIRE`` names one of its markers."""
    report = yield
    required = os.environ.get("LOOKALIKE_REQUIRE", "").split()
    markers = [marker for marker in required if item.get_closest_marker(marker)]
    if report.skipped and markers:
        report.outcome = "failed"
        report.longrepr = f"LOOKALIKE_REQUIRE names {markers[0]}, but: {call.excinfo}"
    return report
