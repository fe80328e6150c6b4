"""A job is a log of events that ends with exactly one outcome, whoever writes and reads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import pytest
from fakes import FAKE_INFO
from PIL import Image

from generator.job import Cancelled, Failed, Job, Previewed, Progress, Queued, Succeeded

REQUEST = FAKE_INFO.request("a red house", seed=1)
IMAGE = Image.new("RGB", (8, 8))


@dataclass(frozen=True)
class Sketched:
    """An event of somebody else's, of which the generator knows nothing."""

    status: ClassVar = "sketched"
    pencil: str


LOG = [
    (Sketched("2B"), "sketched"),
    (Sketched("HB"), "sketched"),
    (Queued(REQUEST), "queued"),
    (Progress(0, 2), "running"),
    (Progress(1, 2), "running"),
]
OUTCOMES = [(Succeeded(IMAGE), "succeeded"), (Failed("No."), "failed"), (Cancelled(), "cancelled")]
SECONDS = 10


@pytest.fixture
def job():
    return Job()


class InterruptedJob(Job):
    """At the first look whether it is finished, another thread gets its chance to come between."""

    def __init__(self, come_between):
        super().__init__()
        self.other = threading.Thread(target=come_between, args=[self])

    @property
    def is_finished(self):
        finished = super().is_finished
        if self.other.ident is None:
            self.other.start()
            self.other.join(0.05)
        return finished


def test_ids_are_32_hex_digits_and_differ():
    ids = {Job().id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(job_id) == 32 and set(job_id) <= set("0123456789abcdef") for job_id in ids)


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES)
def test_the_status_is_that_of_the_latest_event(job, outcome, status):
    statuses = [job.status]
    for event, _ in [*LOG, (outcome, status)]:
        job.publish(event)
        statuses.append(job.status)
    assert statuses == ["queued", *(expected for _, expected in LOG), status]


def test_a_job_tells_what_its_events_say(job):
    assert (job.request, job.progress, job.outcome) == (None, None, None)
    for event, _ in LOG:
        job.publish(event)
    assert job.request == REQUEST
    assert job.progress == Progress(1, 2)
    assert job.outcome is None
    assert not job.is_finished
    outcome = Succeeded(IMAGE, ("house",))
    job.publish(outcome)
    assert job.outcome is outcome
    assert job.is_finished
    assert job.progress == Progress(1, 2)
    assert job.events == (*(event for event, _ in LOG), outcome)


def test_events_already_read_do_not_change(job):
    job.publish(Progress(0, 2))
    events = job.events
    job.publish(Progress(1, 2))
    assert events == (Progress(0, 2),)


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in OUTCOMES])
@pytest.mark.parametrize("late", [Progress(1, 2), *(outcome for outcome, _ in OUTCOMES)])
def test_after_the_outcome_nothing_is_added(job, outcome, late):
    assert job.publish(Progress(0, 2))
    assert job.publish(outcome)
    assert not job.publish(late)
    assert not job.cancel()
    assert job.events == (Progress(0, 2), outcome)


def test_cancel_ends_the_job(job):
    assert job.cancel()
    assert job.events == (Cancelled(),)


def test_of_racing_outcomes_exactly_one_is_published():
    racers = 8
    jobs = [Job() for _ in range(20)]
    start = threading.Barrier(racers)

    def race(racer):
        start.wait(SECONDS)
        return [job.publish(Failed(f"{racer}.")) for job in jobs]

    with ThreadPoolExecutor(racers) as pool:
        won = list(pool.map(race, range(racers)))
    for job, verdicts in zip(jobs, zip(*won, strict=True), strict=True):
        assert sum(verdicts) == 1
        assert job.events == (Failed(f"{verdicts.index(True)}."),)


def test_an_outcome_does_not_come_between_another_and_its_look_at_the_log():
    verdicts = []
    job = InterruptedJob(lambda job: verdicts.append(job.cancel()))
    verdicts.append(job.publish(Failed("No.")))
    job.other.join()
    assert sorted(verdicts) == [False, True]
    assert len(job.events) == 1


def test_an_outcome_does_not_come_between_a_callback_and_its_look_at_the_log():
    calls = []
    job = InterruptedJob(Job.cancel)
    job.when_finished(lambda: calls.append("called"))
    job.other.join()
    assert calls == ["called"]


def test_callbacks_are_called_in_order_once_the_outcome_is_there(job):
    calls = []
    job.when_finished(lambda: calls.append(("first", job.outcome)))
    job.when_finished(lambda: calls.append(("second", job.outcome)))
    job.publish(Progress(0, 2))
    assert calls == []
    job.publish(Failed("No."))
    assert calls == [("first", Failed("No.")), ("second", Failed("No."))]
    job.cancel()
    assert len(calls) == 2


def test_a_callback_that_comes_late_is_called_at_once(job):
    job.cancel()
    calls = []
    job.when_finished(lambda: calls.append(job.outcome))
    assert calls == [Cancelled()]


def test_a_callback_may_use_the_job_and_other_threads_too(job):
    """No lock is held while it runs."""
    seen = []

    def look():
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(lambda: (job.status, job.cancel())).result(SECONDS))

    job.when_finished(look)
    job.publish(Failed("No."))
    job.when_finished(look)
    assert seen == [("failed", False)] * 2


def test_a_callback_that_raises_is_logged_and_hurts_nobody(job, caplog):
    def fail():
        raise RuntimeError("a broken callback")

    calls = []
    job.when_finished(fail)
    job.when_finished(lambda: calls.append("called"))
    assert job.publish(Failed("No."))
    job.when_finished(fail)
    assert calls == ["called"]
    assert [str(record.exc_info[1]) for record in caplog.records] == ["a broken callback"] * 2


@pytest.mark.parametrize("start", [0, 1, 3, 5])
def test_a_late_reader_gets_all_events_from_where_it_starts(job, start):
    for event, _ in [*LOG, OUTCOMES[0]]:
        job.publish(event)
    assert list(job.follow(start)) == list(job.events[start:])


@pytest.mark.parametrize("patience_seconds", [None, 0])
@pytest.mark.parametrize("start", [1, 2, 100])
def test_a_reader_who_knows_the_outcome_gets_nothing_more(job, start, patience_seconds):
    job.cancel()
    assert list(job.follow(start, patience_seconds)) == []


@pytest.mark.parametrize("start", [0, 2])
def test_readers_get_events_as_they_come_and_end_with_the_outcome(job, start):
    job.publish(Sketched("2B"))
    job.publish(Sketched("HB"))
    readers = 3
    got_first = threading.Barrier(readers + 1)

    def read():
        events = job.follow(start)
        first = next(events)
        got_first.wait(SECONDS)
        return [first, *events]

    with ThreadPoolExecutor(readers) as pool:
        reading = [pool.submit(read) for _ in range(readers)]
        job.publish(Queued(REQUEST))
        got_first.wait(SECONDS)
        job.publish(Progress(0, 1))
        job.publish(Progress(1, 1))
        job.publish(Succeeded(IMAGE))
        for future in reading:
            assert future.result(SECONDS) == list(job.events[start:])


def test_a_reader_without_news_gets_none_when_its_patience_ends(job):
    job.publish(Progress(0, 2))
    events = job.follow(patience_seconds=0.001)
    assert next(events) == Progress(0, 2)
    assert next(events) is None
    assert next(events) is None
    job.publish(Progress(1, 2))
    assert next(events) == Progress(1, 2)
    assert next(events) is None
    job.cancel()
    assert list(events) == [Cancelled()]


def test_wait_returns_the_outcome_that_is_there(job):
    job.publish(Failed("No."))
    assert job.wait() == job.wait(0) == Failed("No.")


def test_wait_blocks_until_the_outcome_and_not_for_other_events(job):
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(job.wait, timeout) for timeout in (None, None, SECONDS)]
        job.publish(Queued(REQUEST))
        job.publish(Progress(0, 1))
        job.publish(Succeeded(IMAGE))
        assert [future.result(SECONDS) for future in waiting] == [Succeeded(IMAGE)] * 3


@pytest.mark.parametrize("timeout_seconds", [-1, 0, 0.001])
def test_wait_gives_up_after_its_timeout(job, timeout_seconds):
    job.publish(Progress(0, 2))
    with pytest.raises(TimeoutError, match=f"job {job.id} is still running"):
        job.wait(timeout_seconds)
    assert not job.is_finished


def test_a_preview_replaces_the_one_before_and_each_is_told(job):
    assert job.preview is None
    first, second = Image.new("RGB", (1, 1)), Image.new("RGB", (2, 2))
    assert job.publish_preview(1, first)
    assert job.preview == (1, first)
    assert job.publish_preview(3, second)
    assert job.preview == (3, second)
    assert job.events == (Previewed(1), Previewed(3))
    assert job.status == "running"


def test_after_the_outcome_the_preview_stays_as_it_was(job):
    job.publish_preview(1, IMAGE)
    job.cancel()
    assert not job.publish_preview(2, Image.new("RGB", (1, 1)))
    assert job.preview == (1, IMAGE)
    assert job.events == (Previewed(1), Cancelled())


def test_who_hears_of_a_preview_finds_it():
    class HeardAtOnce(Job):
        def publish(self, event):
            told = super().publish(event)
            assert self.preview == (event.step, IMAGE)
            return told

    assert HeardAtOnce().publish_preview(1, IMAGE)
