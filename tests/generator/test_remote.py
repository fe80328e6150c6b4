"""Jobs that replicas elsewhere paint: none is lost with a replica, and each ends once."""

import time
from collections import defaultdict
from queue import Queue as Messages
from threading import Event
from types import SimpleNamespace

import pytest
from fakes import FAKE_INFO
from PIL import Image

from generator.job import Cancelled, Failed, Progress, Succeeded
from generator.queue import QueueFull
from generator.remote import LOST, NO_REPLICA, Remote, Seen, Sent
from models_cache.runtime.model_thread import MOST_LOSSES, EngineClosed, ReplicaLost

SECONDS = 10
IMAGE = Image.new("RGB", (8, 8), "red")
STEPS = [Progress(step, 4) for step in range(5)]
GONE = ReplicaLost()
END = object()


class FakeStream:
    """``tell`` what the replica does; an error is raised, END ends it."""

    def __init__(self, request):
        self.request = request
        self._messages = Messages()
        self.cancelled = Event()

    def tell(self, *messages):
        for message in messages:
            self._messages.put(message)

    def __iter__(self):
        while (message := self._messages.get(timeout=SECONDS)) is not END:
            if isinstance(message, BaseException):
                raise message
            yield message

    def cancel(self):
        self.cancelled.set()
        self.tell(ReplicaLost())


class FakeReplicas:
    def __init__(self, count=2, room=2):
        self.count, self.room = count, room
        self._streams = defaultdict(Messages)
        self.begun = 0

    def paint(self, request, job):
        stream = FakeStream(request)
        self.begun += 1
        self._streams[job.id].put(stream)
        return stream

    def of(self, job):
        """The next stream that is begun for the job."""
        return self._streams[job.id].get(timeout=SECONDS)


@pytest.fixture
def replicas():
    return FakeReplicas()


@pytest.fixture
def remote(replicas):
    remote = Remote(FAKE_INFO, replicas)
    remote.pause_seconds = 0
    yield remote
    remote.close()


def ask(remote, seed=1):
    job = remote.submit(FAKE_INFO.request("a house", seed=seed))
    remote.step()
    return job


def steps_of(job):
    return [event.step for event in job.events if isinstance(event, Progress)]


def wait_until(is_so):
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_what_a_replica_tells_is_what_the_job_tells(remote, replicas):
    job = ask(remote)
    stream = replicas.of(job)
    assert stream.request == job.request
    stream.tell(STEPS[0], STEPS[1], Seen(1, IMAGE), *STEPS[2:], Succeeded(IMAGE, ("unseen",)), END)
    assert job.wait(SECONDS) == Succeeded(IMAGE, ("unseen",))
    assert steps_of(job) == [0, 1, 2, 3, 4]
    assert job.preview == (1, IMAGE)
    wait_until(lambda: remote.stats().total_images == 1)
    stats = remote.stats()
    assert (stats.jobs, stats.running, stats.total_steps) == (0, 0, 4)


def test_as_many_are_sent_as_there_is_room_for(remote, replicas):
    jobs = [ask(remote, seed) for seed in range(6)]
    streams = [replicas.of(job) for job in jobs[:4]]
    remote.step()
    assert remote.outlook(jobs[5]).before == 1
    streams[2].tell(Succeeded(IMAGE), END)
    jobs[2].wait(SECONDS)
    remote.step()
    assert replicas.of(jobs[4]).request == jobs[4].request
    assert replicas.begun == 5


def test_more_replicas_make_more_room_and_fewer_less(remote, replicas):
    jobs = [ask(remote, seed) for seed in range(6)]
    replicas.count = 0
    remote.step()
    assert remote.outlook(jobs[5]).before == 1
    replicas.count = 3
    remote.step()
    assert all(replicas.of(job) for job in jobs)


def test_a_lost_replica_loses_no_job_and_progress_never_runs_backwards(remote, replicas):
    job = ask(remote)
    first = replicas.of(job)
    first.tell(*STEPS[:3], Seen(2, IMAGE), GONE)
    second = replicas.of(job)
    assert second.request == first.request
    second.tell(STEPS[0], STEPS[1], Seen(1, Image.new("L", (1, 1))), *STEPS[2:], Succeeded(IMAGE))
    assert job.wait(SECONDS) == Succeeded(IMAGE)
    assert steps_of(job) == [0, 1, 2, 3, 4]
    assert job.preview == (2, IMAGE)


@pytest.mark.parametrize("message", [END, Failed("The server is stopping.", stopped=True)])
def test_a_replica_that_stops_is_lost_too(remote, replicas, message):
    job = ask(remote)
    replicas.of(job).tell(STEPS[0], message)
    replicas.of(job).tell(*STEPS, Succeeded(IMAGE))
    assert job.wait(SECONDS) == Succeeded(IMAGE)


@pytest.mark.parametrize("message", [GONE, ValueError("what no code foresaw"), KeyboardInterrupt()])
def test_after_three_losses_a_job_fails_with_a_sentence(remote, replicas, message):
    job, streams = ask(remote), []
    for _ in range(MOST_LOSSES):
        streams.append(replicas.of(job))
        streams[-1].tell(message)
    assert job.wait(SECONDS) == Failed(LOST)
    assert replicas.begun == MOST_LOSSES
    assert all(stream.cancelled.wait(SECONDS) for stream in streams)
    wait_until(lambda: remote.stats().total_failures == 1)


def test_after_a_loss_of_which_nothing_was_heard_there_is_a_pause(remote, replicas):
    remote.pause_seconds = 0.05
    job, began = ask(remote), time.monotonic()
    for _ in range(MOST_LOSSES):
        replicas.of(job).tell(GONE)
    job.wait(SECONDS)
    assert time.monotonic() - began >= MOST_LOSSES * remote.pause_seconds


def test_what_is_wrong_with_a_request_is_not_tried_again(remote, replicas):
    job, good = ask(remote, 1), ask(remote, 2)
    replicas.of(job).tell(Failed("Try another prompt."))
    replicas.of(good).tell(Succeeded(IMAGE))
    assert job.wait(SECONDS) == Failed("Try another prompt.")
    assert good.wait(SECONDS) == Succeeded(IMAGE)
    assert replicas.begun == 2


def test_what_was_lost_is_no_part_of_the_pace(replicas):
    now = 0.0
    remote = Remote(FAKE_INFO, replicas, clock=lambda: now)
    job = remote.submit(FAKE_INFO.request("a house", seed=1))
    sent = Sent(job.request, 30)
    for step in [*range(20), *range(25)]:  # lost at 20, and noticed ten seconds later
        now += 0.2 if step else 10
        remote._tell(job, sent, Progress(step, 30))
    assert remote.seconds_a_step == pytest.approx(0.2)


def test_whoever_cancels_frees_the_replica_and_a_place(remote, replicas):
    jobs = [ask(remote, seed) for seed in range(5)]
    stream = replicas.of(jobs[0])
    jobs[0].cancel()
    assert stream.cancelled.wait(SECONDS)
    assert jobs[0].outcome == Cancelled()
    remote.step()
    assert replicas.of(jobs[4])


def test_one_that_was_cancelled_after_a_loss_is_not_sent_again(remote, replicas):
    job = ask(remote)
    stream = replicas.of(job)
    job.cancel()
    stream.tell(GONE)
    remote.close()
    assert replicas.begun == 1


def test_nor_is_one_that_is_cancelled_before_it_would_be(remote, replicas, monkeypatch):
    job = ask(remote)
    stream, paused = replicas.of(job), Event()

    def pause(seconds):
        job.cancel()
        paused.set()

    monkeypatch.setattr("generator.remote.time", SimpleNamespace(sleep=pause))
    stream.tell(GONE)
    assert paused.wait(SECONDS)
    remote.close()
    assert replicas.begun == 1


def test_without_replicas_it_says_so_and_recovers_by_itself(replicas):
    remote = Remote(FAKE_INFO)
    [early] = remote.reserve()  # while it loads
    remote.start(lambda: replicas)
    wait_until(lambda: remote.is_ready)
    replicas.count = 0
    assert not remote.is_alive
    with pytest.raises(EngineClosed, match=NO_REPLICA):
        remote.reserve()
    remote.submit(FAKE_INFO.request("a house"), early)  # who has a place waits for one
    assert early.outcome is None
    replicas.count = 1
    assert remote.is_alive
    replicas.of(early).tell(Succeeded(IMAGE))
    assert early.wait(SECONDS) == Succeeded(IMAGE)
    remote.close()


def test_the_queue_is_here_and_so_is_its_end(replicas):
    remote = Remote(FAKE_INFO, replicas, max_jobs=2)
    jobs = [ask(remote, seed) for seed in range(2)]
    with pytest.raises(QueueFull):
        ask(remote)
    streams = [replicas.of(job) for job in jobs]
    remote.close()
    assert all(isinstance(job.outcome, Failed) and job.outcome.stopped for job in jobs)
    assert all(stream.cancelled.wait(SECONDS) for stream in streams)
    assert (remote.ledger.accepted, remote.ledger.ended["failed"]) == (2, 2)
