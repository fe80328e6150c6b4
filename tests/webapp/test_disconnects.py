"""Clients who leave: a page's job goes on, a call's ends, and nothing is left of it."""

import gc
import random
from collections import Counter

import pytest
from fakes import FakeSample

from generator.job import Job, Succeeded
from webapp.services import MAX_STREAMS


def kept() -> int:
    """How many jobs and samples there are in memory."""
    gc.collect()
    return sum(type(each) in (Job, FakeSample) for each in gc.get_objects())


def test_a_job_of_the_page_goes_on_however_often_its_page_leaves(patient, by_hand, job):
    for _ in range(MAX_STREAMS + 1):
        with patient.get(f"/jobs/{job.id}/events") as stream:
            assert b"captioning" in b"".join(next(stream.response) for _ in range(2))
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    assert isinstance(job.outcome, Succeeded)
    assert patient.get(f"/jobs/{job.id}/image.png").status_code == 200


@pytest.mark.slow
def test_a_storm_of_clients_who_leave_leaves_no_job(patient, by_hand):
    rng, statuses, before = random.Random(0), Counter(), kept()

    def has_left():
        by_hand.generator.step()
        return rng.random() < 0.5

    for _ in range(100):
        with patient.get(
            "/generate-image?prompt=x",
            environ_overrides={"waitress.client_disconnected": has_left},
        ) as response:
            statuses[response.status_code] += 1
    assert statuses[499] > 50
    assert statuses[200] > 1
    assert by_hand.generator.stats().jobs == 0
    by_hand.generator.step()
    assert kept() == before
