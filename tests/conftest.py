"""What every test runs under."""

import os
import re
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from models_cache import environment

environment.prepare(online=True)  # for the hub on this machine, which tests bring themselves

OUR_THREADS = ("generator", "captioner", "keeper", "server", "waitress")

FAST = "not (tiny or demo or browser or pictures or gpu or ray or simulated_card or slow)"
HEAVY_FOLDERS = ("browser", "clients", "gpu", "replicas", "simulated_card")
# Modules that take seconds to import before their tests could be deselected.
HEAVY_IMPORT = re.compile(
    r"^(?:import|from) (?:torch|tiny|layouts|playwright|captioner\.(?:blip|__main__)"
    r"|webapp\.(?:models|__main__)"
    r"|generator\.(?:__main__|sdxl|pipeline|schedulers|sample|decoder|forward|preview)"
    r"|models_cache\.runtime\.(?:device|gpu_fit|offload|tensors)|scripts\.benchmarks"
    r"|scripts\.demo_models(?!\.(?:brush|drawing|scenes)\b))\b",
    re.M,
)

# With several processes: all of it shares what its session makes, and what takes minutes.
AS_ONE = ("tests/simulated_card/", "tests/replicas/")
LONG = (*AS_ONE, "tests/scripts/test_demo_models.py", "tests/generator/fast/test_compiled.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "only what needs no model, no browser and no patience"
    parser.addoption("--fast", action="store_true", help=text)
    text = "how long each test damages pictures or sends junk at random (%(default)s)"
    parser.addoption("--fuzz-seconds", type=float, default=1.5, metavar="SECONDS", help=text)


@pytest.fixture
def fuzz_seconds(pytestconfig: pytest.Config) -> float:
    return float(pytestconfig.getoption("--fuzz-seconds"))


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: beside it, another process runs all the short ones."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Shares out files, so that what a module makes is made once, and one folder as a whole."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            one = next((each for each in AS_ONE if nodeid.startswith(each)), None)
            return one or super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Files(config, log)


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
