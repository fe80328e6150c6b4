"""What every test runs under."""

import threading
from collections.abc import Iterator

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
