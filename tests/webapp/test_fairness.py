"""Between people: the key and the address say who is who, from the request to the engines."""

from collections.abc import Iterator
from threading import Timer

import pytest
from door_keys import ANNA, BERT, bearer, door_keys
from fakes import FakeBlip, FakeSDXL
from shared_app import client_of
from web_client import alert, job_of, upload

import captioner.engine
import generator.engine
from generator.job import Succeeded
from webapp.job_store import JobStore
from webapp.services import Services


@pytest.fixture
def services() -> Iterator[Services]:
    """Engines of the server's own limits, but for one at a time; driven by hand, as ``by_hand``."""
    services = Services(
        captioner.engine.Engine(FakeBlip(), max_batch_size=1),
        generator.engine.Engine(FakeSDXL(), max_batch_size=1),
        JobStore(),
        keys=door_keys(),
    )
    rescue = Timer(10, services.generator.close)
    rescue.start()
    yield services
    rescue.cancel()


@pytest.fixture
def app(services):
    return client_of(services).application


def uploaded(app, services, key, address="10.0.0.1", count=1):
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return [job_of(services, upload(client, headers=bearer(key))) for _ in range(count)]


def step(services):
    services.captioner.step()
    services.generator.step()


@pytest.mark.slow
def test_forty_jobs_of_one_person_delay_the_first_of_another_by_one_image(app, services):
    """Promised in docs/access.md; captions included."""
    forty = uploaded(app, services, ANNA, count=40)
    for _ in range(6):
        step(services)
    [first] = uploaded(app, services, BERT)
    before = sum(job.is_finished for job in forty)
    while not first.is_finished:
        step(services)
    assert isinstance(first.outcome, Succeeded)
    assert sum(job.is_finished for job in forty) - before == 1
    while not all(job.is_finished for job in forty):
        step(services)
    assert all(isinstance(job.outcome, Succeeded) for job in forty)


@pytest.mark.parametrize(
    ("key", "address", "is_another"),
    [(ANNA, "10.0.0.1", False), (ANNA, "10.0.0.2", True), (BERT, "10.0.0.1", True)],
)
def test_a_person_is_a_key_and_an_address(app, services, key, address, is_another):
    [first] = uploaded(app, services, ANNA)
    [second] = uploaded(app, services, key, address)
    assert (second.client != first.client) is is_another


def test_all_that_starts_work_says_whose_it_is(app, services):
    client = app.test_client()
    client.post("/enter", data={"key": ANNA})
    job = job_of(services, upload(client))
    again = job_of(services, client.post(f"/jobs/{job.id}/again", data={"prompt": "x"}))
    sent = job_of(services, upload(client, prompt="x"))
    assert {job.client, again.client, sent.client} == {"anna 127.0.0.1"}


@pytest.mark.slow
def test_a_person_with_many_jobs_is_told_so_and_others_have_room(app, services):
    most = services.generator.max_client_jobs
    uploaded(app, services, ANNA, count=most)
    refused = upload(app.test_client(), headers=bearer(ANNA) | {"X": "1"})
    assert refused.status_code == 303  # another address
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "10.0.0.1"
    refused = upload(client, headers=bearer(ANNA))
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert alert(refused) == f"You have {most} jobs under way: try again in 10 seconds."
    refused = client.get("/generate-image?prompt=x", headers=bearer(ANNA))
    assert refused.json["error"] == f"You have {most} jobs under way: try again in 10 seconds."
    assert uploaded(app, services, BERT)


def test_the_header_tells_how_many_begin_before_yours(app, services):
    uploaded(app, services, ANNA, count=5)
    for _ in range(2):
        step(services)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "10.0.0.9"
    assert client.get("/loading", headers=bearer(BERT)).json["state"] == "1 before you"
    client.environ_base["REMOTE_ADDR"] = "10.0.0.1"
    assert client.get("/loading", headers=bearer(ANNA)).json["state"] == "5 before you"
