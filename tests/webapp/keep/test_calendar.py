"""A date that is wrong for a while costs no picture that is kept."""

from fakes import FAKE_INFO
from web_client import an_order

from generator.job import Job, Queued
from webapp.job_store import JobStore, Original
from webapp.keep.archive import DAY_SECONDS, Archive
from webapp.keep.calendar import STEADY_SECONDS, Calendar


class Machine:
    """Its two clocks, of which the date can be set."""

    def __init__(self):
        self.date, self.seconds = 1e9, 100.0
        self.calendar = Calendar(lambda: self.date, lambda: self.seconds)

    def wait(self, seconds):
        self.date += seconds
        self.seconds += seconds


def test_it_is_believed_once_it_has_gone_evenly_for_half_an_hour():
    machine = Machine()
    for _ in range(3):
        assert not machine.calendar.is_believed()
        machine.wait(STEADY_SECONDS / 3)
    assert machine.calendar.is_believed()


def test_whoever_sets_it_begins_that_time_anew():
    for leap in (40 * DAY_SECONDS, -40 * DAY_SECONDS):
        machine = Machine()
        machine.wait(STEADY_SECONDS)
        assert machine.calendar.is_believed()
        machine.date += leap
        assert not machine.calendar.is_believed()
        machine.wait(STEADY_SECONDS)
        assert machine.calendar.is_believed()


def test_a_clock_that_is_a_little_fast_is_believed():
    machine = Machine()
    for _ in range(100):
        machine.wait(60)
        machine.date += 1
        is_believed = machine.calendar.is_believed()
    assert is_believed


def kept(archive):
    """The id of a job that has just ended, and is saved."""
    job, store, order = Job(), JobStore(), an_order()
    job.publish(Queued(*order.requests))
    store.add([job], Original(b"x", (20, 10)), order)
    job.cancel()
    archive.save(store.held(job.id), FAKE_INFO)
    return job.id


def test_what_ended_by_a_wrong_date_is_as_old_as_it_is(tmp_path):
    """It was painted before a time server answered."""
    machine = Machine()
    machine.date -= 9000 * DAY_SECONDS
    machine.calendar = Calendar(lambda: machine.date, lambda: machine.seconds)
    archive = Archive.open(tmp_path / "kept", 10**9, 30, machine.calendar)
    before = kept(archive)
    machine.wait(60)
    machine.date += 9000 * DAY_SECONDS
    after = kept(archive)
    for days, are_there in ((0.1, 2), (29, 2), (1, 0)):
        machine.wait(days * DAY_SECONDS)
        archive.make_room()
        assert len(archive.find([before, after])) == are_there
    archive.close()


def test_pictures_outlive_a_machine_that_starts_in_another_year(tmp_path):
    """Its battery is empty, and a time server has not answered yet."""
    machine = Machine()
    archive = Archive.open(tmp_path / "kept", 10**9, 30, machine.calendar)
    job_id = kept(archive)
    for wrong in (40 * DAY_SECONDS, -3000 * DAY_SECONDS):
        machine.date += wrong
        archive.make_room()
        machine.date -= wrong
        machine.wait(2 * STEADY_SECONDS)
        archive.make_room()
        assert archive.find([job_id])
    machine.wait(31 * DAY_SECONDS)
    archive.make_room()
    assert not archive.find([job_id])
    archive.close()
