"""The thread that writes: what it saves, who does not wait for it, a disk that takes nothing."""

import logging
from threading import Event, Thread

import pytest
from web_client import JSON, SECONDS, job_of, upload, visit

from generator.job import Cancelled, Succeeded
from webapp.keep import keeper
from webapp.keep.archive import DAY_SECONDS
from webapp.keep.keeper import Keeper


@pytest.fixture(autouse=True)
def _heard(caplog):
    caplog.set_level(logging.WARNING, "webapp.keep")


def break_disk(folder):
    """A disk that takes no picture; its records are still read."""
    for part in ("images", "originals"):
        (folder / part).rename(folder / f"{part} away")


def mend_disk(folder):
    for part in ("images", "originals"):
        (folder / f"{part} away").rename(folder / part)


def painted(start, **fields):
    job = job_of(start.services, upload(start.client, **fields))
    start.caption()
    start.paint()
    assert isinstance(job.outcome, Succeeded)
    return job


def is_saved(start, *jobs):
    return len(start.archive.find([job.id for job in jobs])) == len(jobs)


def test_a_job_is_saved_as_it_is_by_then(start):
    now = start()
    job = painted(now)
    assert not is_saved(now, job)
    assert now.keeper.step()
    assert is_saved(now, job)
    assert not now.keeper.step()


def test_a_job_is_saved_when_it_comes_when_it_has_words_and_when_it_ends(start):
    now = start()
    job = job_of(now.services, upload(now.client))
    now.save()
    [(saved, _)] = now.archive.unfinished()
    assert (saved.job.id, saved.job.request) == (job.id, None)
    now.caption()
    now.save()
    [(saved, _)] = now.archive.unfinished()
    assert saved.job.request == job.request
    now.paint()
    now.save()
    assert is_saved(now, job)


def test_what_memory_has_no_room_for_is_found_on_the_disk(start):
    now = start()
    now.services.jobs.max_jobs = 1
    pictures = {}
    for seed in "789":
        job = painted(now, seed=seed)
        now.save()
        pictures[job.id] = now.client.get(f"/jobs/{job.id}/image.png").data
    assert [bool(now.services.jobs.held(job_id)) for job_id in pictures] == [False, False, True]
    for job_id, picture in pictures.items():
        assert now.client.get(f"/jobs/{job_id}/image.png").data == picture


def test_a_deleted_job_is_unknown_at_once_and_gone_with_the_next_step(start, folder):
    now = start()
    job = painted(now)
    now.save()
    now.client.post(f"/jobs/{job.id}/delete")
    assert now.client.get(f"/jobs/{job.id}", headers=JSON).status_code == 404
    assert is_saved(now, job)
    now.save()
    assert not is_saved(now, job)
    assert not list((folder / "images").iterdir())
    assert not list((folder / "originals").iterdir())


def test_a_job_of_an_earlier_start_is_deleted_too(start):
    first = start()
    job = painted(first)
    first.save()
    now = start()
    assert now.client.post(f"/jobs/{job.id}/delete").status_code == 303
    assert now.client.get(f"/jobs/{job.id}").status_code == 404
    now.save()
    assert start().client.get(f"/jobs/{job.id}").status_code == 404


def test_a_job_that_is_deleted_before_it_was_saved_is_never_saved(start):
    now = start()
    job = job_of(now.services, upload(now.client))
    now.client.post(f"/jobs/{job.id}/delete")
    assert job.outcome == Cancelled()
    now.save()
    assert now.archive.unfinished() == []
    assert not is_saved(now, job)


def test_what_has_become_too_old_goes_though_nothing_is_saved(start, clock):
    now = start(max_days=1)
    job = painted(now)
    now.save()
    clock.wait(2 * DAY_SECONDS)
    assert not now.keeper.step()
    assert not is_saved(now, job)


# A disk that takes nothing


def test_a_disk_that_takes_nothing_costs_copies_and_no_answer_and_one_line(start, folder, caplog):
    now = start()
    break_disk(folder)
    jobs = [painted(now, seed=str(seed)) for seed in range(3)]
    for _ in range(9):
        assert not now.keeper.step()
    for job in jobs:
        assert now.client.get(f"/jobs/{job.id}").status_code == 200
        assert now.client.get(f"/jobs/{job.id}/image.png").mimetype == "image/png"
    assert visit(now.client, "/").status_code == 200
    [line] = caplog.messages
    assert line.startswith("Pictures cannot be saved: No such file or directory. Jobs go on")


def test_once_there_is_room_what_is_still_in_memory_is_saved(start, folder, caplog):
    now = start()
    break_disk(folder)
    job, deleted = painted(now), painted(now)
    assert not now.keeper.step()
    now.client.post(f"/jobs/{deleted.id}/delete")
    mend_disk(folder)
    now.save()
    assert is_saved(now, job)
    assert not is_saved(now, deleted)
    assert caplog.messages[1:] == ["Pictures are saved again."]


def test_smaller_pictures_are_saved_while_a_large_one_finds_no_room(start, folder, caplog):
    now = start()
    large = painted(now)
    (folder / "images" / f"new-{large.id}.png").mkdir()
    assert not now.keeper.step()
    small = painted(now)
    for _ in range(3):
        now.save()
    assert is_saved(now, small)
    assert len(caplog.messages) == 1
    (folder / "images" / f"new-{large.id}.png").rmdir()
    now.save()
    assert is_saved(now, large)
    assert len(caplog.messages) == 2


def test_a_job_that_is_deleted_while_the_disk_takes_nothing_stays_deleted(start, folder):
    now = start()
    job = painted(now)
    now.save()
    (folder / "images" / f"{job.id}.png").unlink()
    (folder / "images" / f"{job.id}.png").mkdir()  # what cannot be removed as a file
    now.client.post(f"/jobs/{job.id}/delete")
    assert not now.keeper.step()
    assert now.client.get(f"/jobs/{job.id}").status_code == 404
    (folder / "images" / f"{job.id}.png").rmdir()
    now.save()
    assert not is_saved(now, job)


def test_records_that_cannot_be_read_are_one_line_and_unknown_jobs(start, folder, caplog):
    now = start()
    now.save()
    (folder / "jobs.sqlite").rename(folder / "away")
    for _ in range(3):
        assert now.client.get(f"/jobs/{'0' * 32}").status_code == 404
    [line] = caplog.messages
    assert line.startswith("Pictures cannot be read: unable to open database file.")
    (folder / "away").rename(folder / "jobs.sqlite")


def test_what_is_wrong_with_one_job_does_not_end_the_thread(start, caplog, monkeypatch):
    now = start()
    broken, job = painted(now), painted(now)
    now.services.jobs.held(broken.id).order.caption["num_beams"] = object()  # no JSON
    now.save()
    assert is_saved(now, job)
    assert not is_saved(now, broken)
    assert caplog.messages == [f"job {broken.id[:8]} cannot be saved"]


# With its thread


class SlowArchive:
    """A disk that hangs while it saves."""

    max_bytes = max_days = 1

    def __init__(self):
        self.reached, self.opened, self.is_closed = Event(), Event(), False

    def save(self, entry, info):
        self.reached.set()
        assert self.opened.wait(SECONDS)

    erase = save

    def count_tries(self, more):
        pass

    def find(self, job_ids):
        return []

    def make_room(self):
        pass

    def close(self):
        self.is_closed = True


def test_nobody_waits_for_a_disk_that_hangs(by_hand, patient):
    archive = SlowArchive()
    slow = Keeper(archive, by_hand.generator.info, by_hand.jobs.held)
    by_hand.jobs.disk = slow
    slow.start()
    job = job_of(by_hand, upload(patient))
    assert archive.reached.wait(SECONDS)
    others = Thread(target=go_on, args=(by_hand, patient, job))
    others.start()
    others.join(SECONDS)
    assert not others.is_alive()
    archive.opened.set()
    slow.close()
    assert archive.is_closed


def go_on(services, client, job):
    """All that requests and both models do, while the keeper hangs."""
    upload(client)
    services.captioner.step()
    while services.generator.stats().jobs:
        services.generator.step()
    assert visit(client, f"/jobs/{job.id}").status_code == 200
    assert visit(client, f"/jobs/{job.id}/image.png").status_code == 200
    assert client.post(f"/jobs/{job.id}/delete").status_code == 303


def test_the_end_saves_what_is_left(start):
    now = start()
    job = painted(now)
    now.keeper._is_closed = True  # as if its thread began too late to notice anything else
    now.keeper.start()
    now.keeper.close()
    start.alive.clear()
    assert is_saved(start(), job)


def test_the_end_does_not_wait_for_a_disk_that_hangs(by_hand, patient, monkeypatch):
    monkeypatch.setattr(keeper, "CLOSING_SECONDS", 0.01)
    archive = SlowArchive()
    slow = Keeper(archive, by_hand.generator.info, by_hand.jobs.held)
    by_hand.jobs.disk = slow
    job_of(by_hand, upload(patient))
    slow.start()
    assert archive.reached.wait(SECONDS)
    slow.close()
    assert not archive.is_closed
    archive.opened.set()
    slow.close()


def test_a_thread_tries_again_by_itself(start, folder, monkeypatch):
    monkeypatch.setattr(keeper, "RETRY_SECONDS", 0.01)
    now = start()
    break_disk(folder)
    job = painted(now)
    now.keeper.step()
    now.keeper.start()
    mend_disk(folder)
    for _ in range(int(100 * SECONDS)):
        if is_saved(now, job):
            break
        Event().wait(0.01)
    now.keeper.close()
    start.alive.clear()
    assert is_saved(start(), job)
