"""A job's server-sent events, as readers follow them, leave and come back."""

import json
import re
from dataclasses import replace
from threading import BoundedSemaphore

import pytest
from fakes import FakeSDXL
from shared_app import client_of
from web_client import CAPTION, SECONDS, alert, an_order, job_of, upload

from generator.engine import Engine
from generator.job import Failed, Job, Queued
from webapp.captioning import Captioned, Captioning
from webapp.job_store import Original
from webapp.jobs import format_events


def read_events(response):
    """Number, name and data of each event of a complete stream."""
    blocks = [block for block in response.text.split("\n\n") if block.startswith("id: ")]
    events = []
    for block in blocks:
        number, name, data = re.fullmatch(r"id: (\d+)\nevent: (\w+)\ndata: (.*)", block).groups()
        events.append((int(number), name, json.loads(data)))
    return events


def test_the_events_tell_everything_from_the_first_to_the_outcome(patient, finished):
    response = patient.get(f"/jobs/{finished.id}/events")
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    events = read_events(response)
    assert [number for number, _, _ in events] == list(range(9))
    for _, _, data in events:
        assert data.pop("seconds", 1) == 1  # what fakes take
    assert [(name, data) for _, name, data in events] == [
        ("captioning", {"status": "captioning"}),
        ("captioned", {"status": "queued", "caption": CAPTION, "is_familiar": True}),
        ("queued", {"status": "queued", "prompt": CAPTION}),
        *(("progress", {"status": "running", "step": step, "num_steps": 4}) for step in range(5)),
        ("succeeded", {"status": "succeeded"}),
    ]


@pytest.mark.parametrize(
    ("end", "data"),
    [
        (
            lambda job: job.publish(Failed("No\n\nway.")),
            {"status": "failed", "error": "No\n\nway."},
        ),
        (lambda job: job.cancel(), {"status": "cancelled"}),
    ],
)
def test_the_events_end_with_the_outcome(patient, job, end, data):
    end(job)
    assert read_events(patient.get(f"/jobs/{job.id}/events"))[1:] == [(1, data["status"], data)]


def test_events_arrive_as_they_happen(patient, by_hand, job):
    response = patient.get(f"/jobs/{job.id}/events")
    stream = iter(response.response)
    assert next(stream).startswith(b":")  # lets the headers out
    assert b"event: captioning" in next(stream)
    by_hand.captioner.step()
    assert b"event: captioned" in next(stream)
    assert b"event: queued" in next(stream)
    job.cancel()
    assert b"event: cancelled" in next(stream)
    assert list(stream) == []
    response.close()


@pytest.mark.parametrize("last", [0, 3, 7])
def test_who_reconnects_gets_what_it_missed_and_nothing_twice(patient, finished, last):
    complete = read_events(patient.get(f"/jobs/{finished.id}/events"))
    headers = {"Last-Event-ID": str(last)}
    missed = read_events(patient.get(f"/jobs/{finished.id}/events", headers=headers))
    assert missed == complete[last + 1 :]


@pytest.mark.parametrize("last", ["8", "9", "99999999"])
def test_who_has_seen_the_outcome_is_told_not_to_come_back(patient, finished, last):
    response = patient.get(f"/jobs/{finished.id}/events", headers={"Last-Event-ID": last})
    assert response.status_code == 204  # at a 200 an EventSource would connect again, for ever
    assert response.data == b""


@pytest.mark.parametrize("last", ["", "-1", "abc", "1e3", " ", "9" * 5000, "0x1", "\xb2", "1.5"])
def test_a_last_event_that_is_none_of_ours_means_from_the_first(patient, finished, last):
    response = patient.get(f"/jobs/{finished.id}/events", headers={"Last-Event-ID": last})
    assert len(read_events(response)) == 9


def test_a_quiet_job_sends_a_sign_of_life_without_a_number():
    class Quiet(Job):
        def follow(self, start, patience_seconds):
            assert patience_seconds
            yield None
            yield Captioning()

    first, quiet, event = format_events(Engine(FakeSDXL()), Quiet(), 3)
    assert first.startswith(":")
    assert quiet == "event: alive\ndata: {}\n\n"
    assert event.startswith("id: 3\nevent: captioning\n")


def test_no_text_can_end_an_event_early():
    job = Job()
    job.publish(Captioned("a\n\nid: 99\r\revent: failed\u2028\ud800"))
    job.publish(Failed("x"))
    for event in list(format_events(Engine(FakeSDXL()), job, 0))[1:]:
        assert event.count("\n") == 4
        assert event.isascii()
        assert "\r" not in event


def test_too_many_who_follow_are_turned_away_until_one_leaves(by_hand):
    services = replace(by_hand, streams=BoundedSemaphore(1))
    client = client_of(services)
    job = job_of(services, upload(client))
    first = client.get(f"/jobs/{job.id}/events")
    second = client.get(f"/jobs/{job.id}/events")
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    assert "Too many pages" in alert(second)
    assert client.get(f"/jobs/{job.id}").status_code == 200
    first.close()
    job.cancel()
    for method in ("GET", "HEAD", "GET"):
        with client.open(f"/jobs/{job.id}/events", method=method) as response:
            assert response.status_code == 200


def test_who_follows_a_job_that_is_forgotten_meanwhile_sees_its_end(patient, by_hand, job):
    by_hand.jobs.max_jobs = 0
    stream = iter(patient.get(f"/jobs/{job.id}/events").response)
    assert b"captioning" in next(stream) + next(stream)
    job.cancel()
    by_hand.jobs.add([Job()], Original(b"", (1, 1)), an_order())
    assert b"cancelled" in next(stream)


def test_with_threads_a_job_is_followed_to_its_end(client, services):
    job = job_of(services, upload(client))
    events = read_events(client.get(f"/jobs/{job.id}/events"))
    assert events[-1][1] == "succeeded"
    assert client.get(f"/jobs/{job.id}/image.png").status_code == 200
    assert job.wait(SECONDS)
    assert isinstance(job.events[2], Queued)
