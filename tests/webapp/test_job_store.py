"""What the store keeps, what it forgets, and in which order."""

import pytest
from PIL import Image
from web_client import an_order

from generator.job import Cancelled, Failed, Job, Progress, Succeeded
from webapp.job_store import FETCH_SECONDS, JobStore, Original, UnknownJob

IMAGE_BYTES = 4 * 10 * 10


def original(jpeg=b""):
    return Original(jpeg, (20, 10))


def add_running(store, jpeg=b""):
    [job] = add_together(store, 1, jpeg)
    return job


def add_together(store, count, jpeg=b""):
    """Running jobs of one picture."""
    jobs = [Job() for _ in range(count)]
    store.add(jobs, original(jpeg), an_order(count))
    for job in jobs:
        job.publish(Progress(0, 4))
    return jobs


def succeed(job, size=10):
    job.publish(Succeeded(Image.new("RGB", (size, size))))
    return job


def add_finished(store, jpeg=b""):
    return succeed(add_running(store, jpeg))


def kept(store, jobs):
    """By index, which of the jobs are still known."""
    return [index for index, job in enumerate(jobs) if is_known(store, job)]


def is_known(store, job):
    try:
        return store.get(job.id).job is job
    except UnknownJob:
        return False


def test_a_job_is_found_by_its_id_with_what_was_uploaded():
    store, job, uploaded = JobStore(), Job(), original(b"jpeg")
    store.add([job], uploaded, an_order())
    assert store.get(job.id).job is job
    assert store.get(job.id).original is uploaded
    assert store.get(job.id).siblings == (job.id,)


@pytest.mark.parametrize("job_id", ["", "0" * 32, "../../etc/passwd", "\0", "\udcff"])
def test_an_unknown_id_is_an_unknown_job(job_id):
    store = JobStore()
    add_running(store)
    with pytest.raises(UnknownJob, match="not known"):
        store.get(job_id)


def test_the_oldest_go_when_there_are_too_many():
    store = JobStore(max_jobs=3)
    jobs = [add_finished(store) for _ in range(5)]
    assert kept(store, jobs) == [2, 3, 4]


def test_the_oldest_go_when_they_hold_too_many_bytes():
    store = JobStore(max_bytes=3 * IMAGE_BYTES)
    jobs = [add_finished(store) for _ in range(5)]
    assert kept(store, jobs) == [2, 3, 4]


def test_what_was_uploaded_counts_as_well():
    store = JobStore(max_bytes=3 * IMAGE_BYTES)
    jobs = [add_finished(store, bytes(IMAGE_BYTES)) for _ in range(3)]
    assert kept(store, jobs) == [2]


def test_a_preview_counts_as_well():
    store = JobStore(max_bytes=3 * IMAGE_BYTES)
    jobs = [add_running(store) for _ in range(3)]
    for job in jobs:
        job.publish_preview(1, Image.new("RGB", (10, 10)))
        succeed(job)
    assert kept(store, jobs) == [2]


def test_exactly_at_its_bounds_the_store_forgets_nothing():
    store = JobStore(max_jobs=3, max_bytes=3 * (IMAGE_BYTES + 1))
    jobs = [add_finished(store, b"1") for _ in range(3)]
    assert kept(store, jobs) == [0, 1, 2]


def test_only_as_many_as_needed_are_forgotten():
    store = JobStore(max_bytes=4 * IMAGE_BYTES)
    jobs = [add_finished(store) for _ in range(4)]
    succeed(add_running(store, bytes(IMAGE_BYTES)))
    assert kept(store, jobs) == [2, 3]


def test_a_job_that_grows_when_it_ends_makes_room_then():
    store = JobStore(max_bytes=IMAGE_BYTES)
    first, second = add_finished(store), add_running(store)
    assert kept(store, [first, second]) == [0, 1]
    succeed(second)
    assert kept(store, [first, second]) == [1]


def test_the_order_is_that_of_the_ends_so_that_who_waited_long_can_still_look():
    store = JobStore(max_jobs=3)
    slow = add_running(store)
    quick = [add_finished(store) for _ in range(2)]
    succeed(slow)
    add_finished(store)
    assert kept(store, [slow, *quick]) == [0, 2]


def test_unfinished_jobs_are_never_forgotten():
    store = JobStore(max_jobs=2, max_bytes=10)
    running = [add_running(store, bytes(10)) for _ in range(5)]
    finished = [add_finished(store) for _ in range(2)]
    assert kept(store, running) == [0, 1, 2, 3, 4]
    assert kept(store, finished) == [1]


def test_an_old_job_that_still_runs_outlives_younger_ones_that_have_ended():
    store = JobStore(max_jobs=2)
    running = add_running(store)
    finished = [add_finished(store) for _ in range(3)]
    assert is_known(store, running)
    assert kept(store, finished) == [2]
    succeed(running)
    assert kept(store, [running, *finished]) == [0, 3]


def test_the_newest_stays_whatever_its_size():
    store = JobStore(max_bytes=10)
    older, newest = add_finished(store), add_running(store, bytes(100))
    succeed(newest, size=100)
    assert kept(store, [older, newest]) == [1]


def test_a_job_that_has_ended_before_it_is_added_is_kept():
    store = JobStore(max_jobs=1)
    job = Job()
    job.publish(Failed("too early"))
    store.add([job], original(), an_order())
    assert is_known(store, job)


def test_failed_and_cancelled_jobs_are_forgotten_like_others():
    store = JobStore(max_jobs=1)
    failed, cancelled = add_running(store), add_running(store)
    failed.publish(Failed("broken"))
    cancelled.cancel()
    newest = add_finished(store)
    assert kept(store, [failed, cancelled, newest]) == [2]


def test_an_empty_store_awaits_nothing():
    for now in (0.0, 1e6):
        assert not JobStore(clock=lambda now=now: now).are_awaited()


def test_jobs_are_awaited_until_the_last_has_ended_and_its_page_had_time_to_fetch_its_image():
    now = 100.0
    store = JobStore(clock=lambda: now)
    first, second = add_running(store), add_running(store)
    assert store.are_awaited()
    succeed(first)
    now += 2 * FETCH_SECONDS
    assert store.are_awaited()  # the second runs
    second.cancel()
    now += FETCH_SECONDS - 0.1
    assert store.are_awaited()
    now += 0.2
    assert not store.are_awaited()


# Several jobs of one picture


def test_jobs_that_were_asked_for_in_one_go_know_each_other_in_order():
    store = JobStore()
    jobs, other = add_together(store, 4), add_running(store)
    ids = tuple(job.id for job in jobs)
    assert [store.get(job.id).siblings for job in jobs] == [ids] * 4
    assert store.get(other.id).siblings == (other.id,)


def test_a_picture_counts_once_however_many_jobs_are_made_of_it():
    store = JobStore(max_bytes=5 * IMAGE_BYTES)
    jobs = [succeed(job) for job in add_together(store, 4, bytes(IMAGE_BYTES))]
    assert kept(store, jobs) == [0, 1, 2, 3]
    add_finished(store)
    assert kept(store, jobs) == [1, 2, 3]


def test_a_picture_counts_once_over_several_goes():
    store, uploaded = JobStore(max_bytes=4 * IMAGE_BYTES), original(bytes(IMAGE_BYTES))
    jobs = [Job() for _ in range(3)]
    for job in jobs:
        store.add([job], uploaded, an_order())
        succeed(job)
    assert kept(store, jobs) == [0, 1, 2]


def test_two_uploads_of_the_same_picture_count_twice():
    store = JobStore(max_bytes=4 * IMAGE_BYTES - 1)
    jobs = [add_finished(store, bytes(IMAGE_BYTES)) for _ in range(2)]
    assert kept(store, jobs) == [1]


def test_a_picture_counts_for_as_long_as_one_of_its_jobs_is_kept():
    store = JobStore(max_bytes=3 * IMAGE_BYTES)
    first, second = add_together(store, 2, bytes(IMAGE_BYTES))
    succeed(first)
    third = add_finished(store)
    assert kept(store, [first, second, third]) == [0, 1, 2]
    fourth = add_finished(store)
    assert kept(store, [first, second, third, fourth]) == [1, 2, 3]
    store.delete(second.id)
    fifth = add_finished(store)
    assert kept(store, [third, fourth, fifth]) == [0, 1, 2]


def test_the_store_keeps_jobs_of_one_go_apart_when_it_must_forget():
    store = JobStore(max_jobs=2)
    jobs = [succeed(job) for job in add_together(store, 4)]
    assert kept(store, jobs) == [2, 3]


# Deleted


def test_a_deleted_job_is_forgotten_at_once_and_its_siblings_stay():
    store = JobStore()
    jobs = [succeed(job) for job in add_together(store, 3)]
    store.delete(jobs[1].id)
    assert kept(store, jobs) == [0, 2]


def test_an_unfinished_job_that_is_deleted_is_cancelled_and_does_not_come_back():
    store = JobStore()
    job, other = add_running(store), add_running(store)
    store.delete(job.id)
    assert job.outcome == Cancelled()
    assert other.outcome is None
    assert kept(store, [job, other]) == [1]


def test_a_deleted_job_keeps_its_outcome_for_those_who_follow_it():
    store = JobStore()
    job = add_finished(store)
    store.delete(job.id)
    assert isinstance(job.outcome, Succeeded)


def test_a_job_cannot_be_deleted_twice():
    store = JobStore()
    job = add_finished(store)
    store.delete(job.id)
    for job_id in (job.id, "", "0" * 32):
        with pytest.raises(UnknownJob, match="not known"):
            store.delete(job_id)


def test_a_deleted_job_makes_room():
    store = JobStore(max_jobs=2)
    jobs = [add_finished(store) for _ in range(2)]
    store.delete(jobs[1].id)
    add_finished(store)
    assert kept(store, jobs) == [0]


def test_those_that_are_known_are_found_in_the_order_that_is_asked_for():
    store = JobStore()
    first, second, third = (add_finished(store) for _ in range(3))
    store.delete(second.id)
    asked = [third.id, "unknown", second.id, first.id]
    assert [entry.job for entry in store.known(asked)] == [third, first]
    assert store.known([]) == []
