"""Captions that replicas elsewhere make: none is lost, and none waits for another's replica."""

import asyncio
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from queue import Queue as Messages

import pytest
from captioning_engine import SECONDS, picture
from fakes import FakeBlip
from PIL import Image

from captioner.engine import Engine
from captioner.remote import NO_REPLICA, Remote
from captioner.replica import Replica
from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import MOST_LOSSES, EngineClosed, ReplicaLost

WORDS = Caption("a picture")


class FakePending(Future):
    """One that is cancelled is lost, as a cluster's is."""

    def result(self, timeout=None):
        try:
            return super().result(timeout)
        except CancelledError as error:
            raise ReplicaLost from error


class FakeReplicas:
    """What is asked of them comes out of ``asked``, for a test to answer."""

    def __init__(self, count=2, room=2):
        self.count, self.room = count, room
        self.asked = Messages()

    def caption(self, request):
        pending = FakePending()
        self.asked.put((request, pending))
        return pending

    def next(self):
        request, pending = self.asked.get(timeout=SECONDS)
        return request.image.width, pending

    def lose(self, count):
        for _ in range(count):
            self.next()[1].set_exception(ReplicaLost())


@pytest.fixture
def replicas():
    return FakeReplicas()


@pytest.fixture
def remote(replicas):
    remote = Remote(replicas)
    remote.pause_seconds = 0
    yield remote
    remote.close()


def ask(remote, width=1):
    future = remote.submit(picture(width))
    remote.step()
    return future


def followers():
    return [each for each in threading.enumerate() if each.name == "captioner-replica"]


def wait_until(is_so):
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_picture_gets_its_caption(remote, replicas):
    future = ask(remote, 7)
    width, pending = replicas.next()
    pending.set_result(WORDS)
    assert (width, future.result(SECONDS)) == (7, WORDS)
    assert remote.tally.totals().made == 1


def test_one_that_hangs_keeps_its_own_place_alone(remote, replicas):
    futures = [ask(remote, width) for width in range(1, 7)]
    sent = dict(replicas.next() for _ in range(4))
    assert sorted(sent) == [1, 2, 3, 4]
    assert (remote.waiting, remote._has_work()) == (2, False)
    for width in (2, 3, 4):
        sent[width].set_result(WORDS)
        assert futures[width - 1].result(SECONDS) == WORDS
    assert remote._has_work()
    remote.step()
    for _ in range(2):
        replicas.next()[1].set_result(WORDS)
    assert [future.result(SECONDS) for future in futures[1:]] == [WORDS] * 5
    assert not futures[0].done()


def test_clients_take_turns(replicas):
    remote = Remote(replicas)
    replicas.count = replicas.room = 1
    futures = [remote.submit(picture(width), who) for width, who in enumerate("aaab", start=1)]
    for expected, number in ((1, 0), (4, 3), (2, 1)):
        remote.step()
        width, pending = replicas.next()
        pending.set_result(WORDS)
        assert (width, futures[number].result(SECONDS)) == (expected, WORDS)
    remote.close()
    assert isinstance(futures[2].exception(SECONDS), EngineClosed)


def test_a_lost_replica_loses_no_caption(remote, replicas):
    future = ask(remote)
    replicas.lose(MOST_LOSSES - 1)
    replicas.next()[1].set_result(WORDS)
    assert future.result(SECONDS) == WORDS


def test_after_three_losses_it_fails(remote, replicas):
    future = ask(remote)
    replicas.lose(MOST_LOSSES)
    assert str(future.exception(SECONDS)) == NO_REPLICA
    assert remote.tally.totals().failures["caption"] == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [(ValueError("not this one"), ValueError), (KeyboardInterrupt(), EngineClosed)],
)
def test_only_the_culprit_fails(remote, replicas, error, told, caplog):
    futures = [ask(remote, 1), ask(remote, 2)]
    sent = dict(replicas.next() for _ in futures)
    sent[1].set_exception(error)
    sent[2].set_result(WORDS)
    assert isinstance(futures[0].exception(SECONDS), told)
    assert futures[1].result(SECONDS) == WORDS
    assert "a caption failed" in caplog.messages


def test_a_replica_that_cannot_be_asked_is_an_error_of_that_picture_alone(remote, replicas):
    ask_replica = replicas.caption
    replicas.caption = lambda request: 1 / 0
    future = ask(remote)
    assert isinstance(future.exception(SECONDS), ZeroDivisionError)
    replicas.caption = ask_replica
    future = ask(remote)
    replicas.next()[1].set_result(WORDS)
    assert future.result(SECONDS) == WORDS


def test_close_fails_what_waits_and_what_is_under_way_and_tells_the_replicas(replicas):
    replicas.count = replicas.room = 1
    remote = Remote(replicas)
    under_way, waiting = ask(remote), ask(remote)
    _, pending = replicas.next()
    wait_until(lambda: list(remote._sent.values()) == [pending])
    remote.close()
    for future in (under_way, waiting):
        assert isinstance(future.exception(SECONDS), EngineClosed)
    assert pending.cancelled()
    wait_until(lambda: not followers())
    assert replicas.asked.empty()


def test_a_replica_that_cannot_be_told_is_no_reason_to_leave_anybody_waiting(replicas, monkeypatch):
    monkeypatch.setattr("models_cache.runtime.followers.CLOSING_SECONDS", 0.01)
    remote = Remote(replicas)
    futures = [ask(remote), ask(remote)]
    pending = [replicas.next()[1] for _ in futures]
    wait_until(lambda: set(remote._sent.values()) == set(pending))
    for each in pending:
        each.cancel = lambda: 1 / 0
    remote.close()
    for future in futures:
        assert isinstance(future.exception(SECONDS), EngineClosed)
    for each in pending:
        each.set_result(WORDS)
    wait_until(lambda: not followers())


def test_what_was_lost_is_not_begun_again_once_the_desk_has_ended(replicas, caplog):
    remote = Remote(replicas)
    remote.pause_seconds = 100 * SECONDS
    future = ask(remote)
    replicas.lose(1)
    wait_until(lambda: caplog.records)
    remote.close()
    assert isinstance(future.exception(SECONDS), EngineClosed)
    wait_until(lambda: not followers())
    assert replicas.asked.empty()


def test_where_no_thread_can_be_made_nobody_waits_for_ever(replicas):
    def fail(work):
        raise RuntimeError("can't start new thread")

    remote = Remote(replicas)
    remote._followers.start = fail
    futures = [remote.submit(picture(1)) for _ in range(3)]
    with pytest.raises(RuntimeError):
        remote.run()
    for future in futures:
        assert isinstance(future.exception(SECONDS), EngineClosed)


def test_without_replicas_it_says_so_and_waits(remote, replicas):
    replicas.count = 0
    with pytest.raises(EngineClosed, match=NO_REPLICA):
        remote.submit(picture(4), is_awaited=True)
    page = ask(remote, 5)  # has a place with the painter
    assert not remote._has_work()
    assert replicas.asked.empty()
    replicas.count = 1
    assert remote._has_work()
    remote.step()
    replicas.next()[1].set_result(WORDS)
    assert page.result(SECONDS) == WORDS


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
