"""Captions that replicas elsewhere make."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes import FakeBlip
from PIL import Image

from captioner.engine import Engine
from captioner.remote import NO_REPLICA, Remote, RemoteModel
from captioner.replica import Replica
from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import MOST_LOSSES, EngineClosed, ReplicaLost


class FakeReplicas:
    """``losses`` of the next requests; then all are captioned by their sizes."""

    def __init__(self, count=2, room=2):
        self.count, self.room = count, room
        self.losses = 0
        self.asked = []

    def caption(self, request):
        self.asked.append(request)
        is_lost = self.losses > 0
        self.losses -= is_lost

        def result():
            if is_lost:
                raise ReplicaLost
            if request.prefix == "poison":
                raise ValueError("not this one")
            return Caption(f"a picture of {request.image.width}")

        return result


@pytest.fixture
def replicas():
    return FakeReplicas()


@pytest.fixture
def remote(replicas):
    remote = Remote()
    remote._model = RemoteModel(replicas)
    return remote


def ask(remote, width, prefix=""):
    return remote.submit(CaptionRequest(Image.new("RGB", (width, 1)), prefix))


def test_as_many_are_sent_at_once_as_there_is_room_for(remote, replicas):
    futures = [ask(remote, width) for width in range(1, 7)]
    remote.step()
    assert len(replicas.asked) == 4
    assert [future.done() for future in futures] == 4 * [True] + 2 * [False]
    remote.step()
    assert [future.result() for future in futures] == [f"a picture of {n}" for n in range(1, 7)]


def test_a_lost_replica_loses_no_caption(remote, replicas):
    replicas.losses = MOST_LOSSES - 1
    future = ask(remote, 3)
    remote.step()
    assert future.result() == "a picture of 3"


def test_after_three_losses_it_fails(remote, replicas):
    replicas.losses = 100
    future = ask(remote, 3)
    remote.step()
    assert str(future.exception()) == NO_REPLICA


def test_only_the_culprit_fails(remote, replicas):
    futures = [ask(remote, 3), ask(remote, 4, "poison"), ask(remote, 5)]
    remote.step()
    assert [future.exception() is None for future in futures] == [True, False, True]


def test_without_replicas_it_says_so_and_waits(remote, replicas):
    future = ask(remote, 3)
    replicas.count = 0
    with pytest.raises(EngineClosed, match=NO_REPLICA):
        remote.submit(CaptionRequest(Image.new("RGB", (4, 1))), is_awaited=True)
    page = ask(remote, 5)  # has a place with the painter
    assert not remote._has_work()
    replicas.count = 1
    assert remote._has_work()
    remote.step()
    assert (future.result(), page.result()) == ("a picture of 3", "a picture of 5")


def test_a_replica_captions_and_whoever_stops_waiting_takes_the_picture_back():
    replica = Replica(Engine(FakeBlip()))
    request = CaptionRequest(Image.new("RGB", (40, 30)))

    async def leave():
        waiting = asyncio.create_task(replica.caption(request))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return replica.engine.waiting

    async def stay():
        return await replica.caption(request)

    with ThreadPoolExecutor(1) as thread:  # without a loop: Playwright's tests leave one in theirs
        assert thread.submit(asyncio.run, leave()).result() == 0
        replica.engine.start()
        assert thread.submit(asyncio.run, stay()).result() == "a picture of 40x30"
    replica.check_health()
    replica.engine.close()
    with pytest.raises(EngineClosed):
        replica.check_health()
