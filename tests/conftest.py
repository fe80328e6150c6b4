"""What every test runs under."""

import os
import threading
from collections.abc import Generator, Iterator

import pytest

OUR_THREADS = ("generator", "captioner", "server", "waitress")


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
