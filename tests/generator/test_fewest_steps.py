"""An image goes to the replica with the fewest unfinished steps."""

from fakes import FAKE_INFO

from generator.fewest_steps import Load
from generator.job import Job, Progress, Queued


def sent(load, place, steps, done=None):
    job = Job()
    job.publish(Queued(FAKE_INFO.request("a house", num_inference_steps=steps)))
    if done is not None:
        job.publish(Progress(done, steps))
    load.add(job)
    load.place(job.id, place)
    return job


def order(load):
    return load.in_order(["a", "b", "c"], lambda replica: replica)


def test_the_one_with_the_fewest_unfinished_steps_comes_first():
    load = Load()
    assert order(load) == ["a", "b", "c"]
    first = sent(load, "a", 10)
    sent(load, "a", 10)
    sent(load, "b", 40, done=25)
    assert order(load) == ["c", "b", "a"]
    first.publish(Progress(9, 10))
    assert order(load) == ["c", "a", "b"]


def test_a_job_that_has_ended_counts_no_more():
    load = Load()
    sent(load, "a", 10).cancel()
    sent(load, "b", 5)
    assert order(load) == ["a", "c", "b"]


def test_a_job_that_is_sent_again_counts_where_it_went():
    load = Load()
    job = sent(load, "a", 10)
    load.add(job)
    assert order(load) == ["a", "b", "c"]
    load.place(job.id, "b")
    assert order(load) == ["a", "c", "b"]


def test_one_that_ended_before_it_was_sent_is_placed_nowhere():
    load, job = Load(), Job()
    job.cancel()
    load.add(job)
    load.place(job.id, "a")
    assert order(load) == ["a", "b", "c"]
    assert not load._jobs


def test_jobs_that_are_sent_at_once_go_to_all():
    load, went = Load(), []
    for _ in range(6):
        job = Job()
        job.publish(Queued(FAKE_INFO.request("a house")))
        load.add(job)
        went.append(load.in_order(["a", "b", "c"], lambda replica: replica, job.id)[0])
    assert went == ["a", "b", "c", "a", "b", "c"]
