"""Servers as clients find them: one with the demo models, and small ones that refuse."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from door_keys import door_keys
from fakes import FakeBlip, FakeSDXL
from javascript import JavaScript
from tiny_server import run_in_thread

import captioner.engine
import generator.engine
from webapp import create_app
from webapp.job_store import JobStore
from webapp.keys import Keys
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings

SECONDS = 60
MOST_JOBS = 4
EXAMPLE = Path("webapp/static/examples/a-red-house-by-the-sea.png")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server with the demo models, as it is started."""
    flags = ["--models", "demo", "--port", "0", "--api-port", "0"]
    command = [sys.executable, "-m", "webapp", *flags]
    with TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        with process.stdout as told:
            address = re.search(r"http://[\w.:]+", told.readline())
            assert address
            yield address[0]
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture
def full() -> Iterator[str]:
    """The address of a server whose queue is full."""
    with _serving() as (address, services):
        services.generator.reserve(MOST_JOBS)
        yield address


@pytest.fixture
def locked() -> Iterator[str]:
    """The address of a server with the keys of ``door_keys``."""
    with _serving(door_keys()) as (address, _):
        yield address


@contextlib.contextmanager
def _serving(keys: Keys | None = None) -> Iterator[tuple[str, Services]]:
    """Over engines that do nothing."""
    engine = generator.engine.Engine(FakeSDXL(), max_jobs=MOST_JOBS)
    services = Services(captioner.engine.Engine(FakeBlip()), engine, JobStore(), keys=keys)
    bound = bind("127.0.0.1", [0])
    with run_in_thread(Server(create_app(Settings(), services), bound, Limits(threads=4))) as it:
        yield f"http://127.0.0.1:{it.port}", services


@pytest.fixture
def example() -> Path:
    """A drawn scene, which the demo captioner calls "a red house by the sea"."""
    return EXAMPLE.absolute()


@pytest.fixture(scope="session")
def javascript(pytestconfig: pytest.Config) -> Callable[..., object]:
    """Runs a program with the clients of package.json."""
    return JavaScript.install(pytestconfig.cache.mkdir("javascript")).run
