"""A replica tells what its engine does, and forgets what nobody asks for any more."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes import FAKE_INFO, FakeSDXL

from generator.engine import Engine
from generator.job import Failed, Progress, Succeeded
from generator.remote import Seen
from generator.replica import Replica
from models_cache.runtime.model_thread import EngineClosed


@pytest.fixture
def replica():
    replica = Replica(Engine(FakeSDXL()), most_jobs=8)
    replica.engine.start()
    yield replica
    replica.engine.close()


def run(work):
    """On a thread without a loop: Playwright's tests leave one in theirs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def all_of(replica, request):
    return [event async for event in replica.paint(request)]


def test_it_tells_each_step_and_the_image(replica):
    *steps, end = run(all_of(replica, FAKE_INFO.request("a house")))
    progress = [event.step for event in steps if isinstance(event, Progress)]
    assert progress == [0, 1, 2, 3, 4]
    assert all(isinstance(event, Progress | Seen) for event in steps)
    assert isinstance(end, Succeeded)


def test_several_are_painted_at_once_and_a_failure_is_one_s_own(replica):
    requests = [
        FAKE_INFO.request(words, seed=1) for words in ("a house", "fails in denoise", "cat")
    ]

    async def together():
        return await asyncio.gather(*(all_of(replica, each) for each in requests))

    ends = [events[-1] for events in run(together())]
    assert [type(end) for end in ends] == [Succeeded, Failed, Succeeded]


def test_whoever_stops_asking_cancels(replica):
    async def leave():
        events = replica.paint(FAKE_INFO.request("a house", num_inference_steps=50))
        await anext(events)
        await events.aclose()
        return replica.engine.stats().jobs

    assert run(leave()) == 0


def test_one_whose_engine_has_ended_is_unwell(replica):
    replica.check_health()
    replica.engine.close()
    with pytest.raises(EngineClosed):
        replica.check_health()
