"""What openai for Python does by itself: it asks again, or does not, and it leaves."""

import time
from contextlib import contextmanager

import pytest
from fakes import FakeBlip, FakeSDXL
from packages import marks, package
from tiny_server import SECONDS, run_in_thread

import captioner.engine
import generator.engine
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings

openai = package("openai")

pytestmark = marks(openai)

MOST_JOBS = 4


@pytest.fixture
def engine():
    """Of a painter that is not begun yet."""
    engine = generator.engine.Engine(FakeSDXL(), max_jobs=MOST_JOBS)
    yield engine
    engine.close()


@pytest.fixture
def address(engine):
    services = Services(captioner.engine.Engine(FakeBlip()), engine, JobStore())
    server = Server(create_app(Settings(), services), bind("127.0.0.1", [0]), Limits(threads=4))
    with run_in_thread(server) as running:
        yield f"http://127.0.0.1:{running.port}/v1"


@contextmanager
def client_of(address, statuses, on_answer=lambda response: None, **options):
    """Notes what is answered to each request, retries too."""

    def note(response):
        statuses.append(response.status_code)
        on_answer(response)

    http_client = openai.DefaultHttpxClient(event_hooks={"response": [note]})
    options = {"base_url": address, "api_key": "none", "http_client": http_client, **options}
    with openai.OpenAI(**options) as client:
        yield client


def wait_until_free(engine):
    deadline = time.monotonic() + SECONDS
    while engine.stats().jobs:
        assert time.monotonic() < deadline, "the jobs of a client that left go on"
        time.sleep(0.01)


def test_a_full_queue_is_asked_again_after_the_seconds_that_it_names(address, engine):
    engine.start()
    statuses, jobs = [], []

    def free(response):
        if response.status_code == 429:
            assert response.headers["Retry-After"] == "1"
            for job in jobs:
                job.cancel()

    with client_of(address, statuses, free) as client:
        client.images.generate(prompt="a house")  # from now on the server knows its pace
        jobs += engine.reserve(MOST_JOBS)
        began = time.monotonic()
        assert client.images.generate(prompt="a house").data
    assert statuses == [200, 429, 200]
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_queue_that_stays_full_is_a_rate_limit_error(address, engine, stream):
    engine.reserve(MOST_JOBS)
    with (
        client_of(address, [], max_retries=0) as client,
        pytest.raises(openai.RateLimitError, match="The queue is full") as told,
    ):
        client.images.generate(prompt="a house", stream=stream)
    assert told.value.code == "rate_limit_exceeded"


def test_a_model_that_fails_is_asked_once(address, engine):
    engine.start()
    statuses = []
    with (
        client_of(address, statuses) as client,
        pytest.raises(openai.InternalServerError, match="The model failed on this request"),
    ):
        client.images.generate(prompt="fails in denoise")
    assert statuses == [500]


def test_a_stream_that_fails_on_its_way_raises_too(address, engine):
    engine.start()
    with client_of(address, []) as client:
        stream = client.images.generate(prompt="fails in denoise at step 2", stream=True)
        with pytest.raises(openai.APIError, match="The model failed on this request") as told:
            list(stream)
    assert told.value.type == "server_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_takes_its_jobs_along(address, engine, stream):
    """The engine is not begun, so nothing else ends them."""
    with client_of(address, [], timeout=1.0, max_retries=0) as client:
        if stream:
            with client.images.generate(prompt="a house", n=3, stream=True):
                assert engine.stats().jobs == 3
        else:
            with pytest.raises(openai.APITimeoutError):
                client.images.generate(prompt="a house", n=3)
        wait_until_free(engine)
