"""Apps over fakes: real engines, no torch."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from threading import Timer

import elsewhere
import pytest
from door_keys import door_keys
from fakes import FakeBlip, FakeSDXL
from flask.testing import FlaskClient
from shared_app import client_of
from tiny_server import Running, TinyApp, run_in_thread
from web_client import job_of, upload

import captioner.engine
import generator.engine
from generator.job import Job
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.logs import JsonFormatter
from webapp.server import Server, bind
from webapp.services import Services

MOST_JOBS = 4


def make_services(*, knows_photos: bool) -> Services:
    return Services(
        captioner.engine.Engine(FakeBlip()),
        generator.engine.Engine(FakeSDXL(), max_jobs=MOST_JOBS),
        JobStore(),
        knows_photos=knows_photos,
    )


@pytest.fixture(params=["here", "elsewhere"])
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    """Engines that run, each in its thread or as a replica, and demo models."""
    services = make_services(knows_photos=False)
    if request.param == "elsewhere":
        desks = {"captioner": elsewhere.Captioner(), "generator": elsewhere.Generator(MOST_JOBS)}
        services = replace(services, **desks)
    services.captioner.start()
    services.generator.start()
    yield services
    services.captioner.close()
    services.generator.close()


@pytest.fixture
def by_hand() -> Iterator[Services]:
    """Engines without threads: a test calls their ``step``, and nothing happens meanwhile.

    What waits for them all the same, because something is broken, is failed after ten seconds.
    """
    services = make_services(knows_photos=True)
    rescue = Timer(10, lambda: (services.captioner.close(), services.generator.close()))
    rescue.start()
    yield services
    rescue.cancel()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    """Over engines that run."""
    return client_of(services, name="running")


@pytest.fixture
def patient(by_hand: Services) -> FlaskClient:
    """Over engines that are driven by hand."""
    return client_of(by_hand)


@pytest.fixture
def locked(by_hand: Services) -> FlaskClient:
    """As ``patient``, of a server with the keys of ``door_keys``."""
    return client_of(replace(by_hand, keys=door_keys()))


@pytest.fixture
def job(patient, by_hand) -> Job:
    """Uploaded, and nothing has happened since."""
    return job_of(by_hand, upload(patient, seed="7"))


@pytest.fixture
def finished(patient, by_hand, job) -> Job:
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    return job


@pytest.fixture
def app() -> TinyApp:
    return TinyApp()


@pytest.fixture
def serve(app) -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as ends:

        def start(ports=1, is_busy=lambda: False, **limits) -> Running:
            limits = Limits(**{"threads": 4, **limits})
            server = Server(app, bind("127.0.0.1", [0] * ports), limits, is_busy)
            running = ends.enter_context(run_in_thread(server))
            ends.callback(app.release.set)
            return running

        yield start


@pytest.fixture
def written(request):
    """What a log of the format that the test names has been written to, at its lowest level."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(getattr(request, "param", JsonFormatter)())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
