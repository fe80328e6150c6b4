"""What is saved is found by the next start, within the bounds and no longer than that."""

import json
import sqlite3
from contextlib import closing

import pytest
from fakes import FAKE_INFO
from PIL import Image
from web_client import an_order

from generator.job import Cancelled, Failed, Job, Queued, Succeeded
from generator.png import painted_png, read_parameters
from models_cache.advice import CannotStart
from webapp.job_store import JobStore, Original, UnknownJob
from webapp.keep.archive import DAY_SECONDS, Archive

JPEG = b"jpeg" * 25  # 100 bytes
LARGE = 10**9


@pytest.fixture
def opened(folder, clock):
    """Opens the archive, and each time anew, as a start does."""
    archives = []

    def open_anew(max_bytes=LARGE, max_days=30):
        while archives:
            archives.pop().close()
        archives.append(Archive.open(folder, max_bytes, max_days, clock))
        return archives[-1]

    yield open_anew
    while archives:
        archives.pop().close()


def entries(original=None, images=1, **fields):
    """Of jobs that wait, made of one picture."""
    store, jobs, order = JobStore(), [Job("anna") for _ in range(images)], an_order(images)
    for job, request in zip(jobs, order.requests, strict=True):
        job.publish(Queued(request))
    store.add(jobs, original or Original(JPEG, (20, 10), fields), order)
    return [store.held(job.id) for job in jobs]


def ended(outcome, **options):
    [entry] = entries(**options)
    entry.job.publish(outcome)
    return entry


def succeeded(side=4, color=(7, 100, 200), **options):
    return ended(Succeeded(Image.new("RGB", (side, side), color)), **options)


def save(archive, *some):
    for entry in some:
        archive.save(entry, FAKE_INFO)
        archive.make_room()


def kept(archive, some):
    """By index, which of them are found."""
    found = {entry.job.id for entry in archive.find([entry.job.id for entry in some])}
    return [index for index, entry in enumerate(some) if entry.job.id in found]


def files(folder, part):
    return {each.stem for each in (folder / part).iterdir()}


def test_what_was_painted_is_found_by_the_next_start(opened):
    entry = succeeded(seed="7")
    save(opened(), entry)
    [found] = opened().find([entry.job.id, "0" * 32])
    assert found.job.id == entry.job.id
    assert found.job.outcome.image.tobytes() == entry.job.outcome.image.tobytes()
    assert found.original.jpeg == JPEG
    assert found.original.fields == {"seed": "7"}
    assert found.siblings == entry.siblings
    assert found.saved_png() == painted_png(entry.job.outcome, entry.job.request, FAKE_INFO)
    assert read_parameters(found.saved_png())["Model"] == "fake"


@pytest.mark.parametrize("outcome", [Failed("No."), Cancelled()])
def test_jobs_that_came_to_nothing_are_found_too(opened, outcome):
    entry = ended(outcome)
    save(opened(), entry)
    [found] = opened().find([entry.job.id])
    assert found.job.outcome == outcome


def test_what_only_the_end_of_the_server_ended_is_unfinished(opened):
    [waiting], stopped = entries(), ended(Failed("The server is stopping.", stopped=True))
    save(opened(), waiting, stopped)
    archive = opened()
    assert archive.find([waiting.job.id, stopped.job.id]) == []
    found = [(entry.job.id, tries) for entry, tries in archive.unfinished()]
    assert found == [(waiting.job.id, 0), (stopped.job.id, 0)]


def test_nothing_that_is_kept_is_for_others(opened, folder):
    save(opened(), succeeded())
    modes = {each.stat().st_mode & 0o777 for each in folder.rglob("*") if each.is_file()}
    assert modes == {0o600}


# Bounds


def test_the_oldest_ends_go_first_when_there_are_too_many_bytes(opened):
    one = 100 + len(succeeded_png())
    archive, some = opened(max_bytes=3 * one), [succeeded() for _ in range(5)]
    save(archive, *some[1:], some[0])
    assert kept(archive, some) == [0, 3, 4]


def succeeded_png():
    entry = succeeded()
    return painted_png(entry.job.outcome, entry.job.request, FAKE_INFO)


def test_a_start_with_smaller_bounds_makes_room_at_once(opened, folder):
    some = [succeeded() for _ in range(3)]
    save(opened(), *some)
    archive = opened(max_bytes=100 + len(succeeded_png()))
    assert kept(archive, some) == [2]
    assert files(folder, "images") == {some[2].job.id}
    assert files(folder, "originals") == {some[2].original.id}


def test_unfinished_jobs_are_never_removed_for_room(opened, clock):
    archive, [waiting] = opened(max_bytes=1, max_days=1), entries()
    save(archive, waiting, succeeded())
    clock.wait(100 * DAY_SECONDS)
    archive.make_room()
    assert [entry.job.id for entry, _ in archive.unfinished()] == [waiting.job.id]
    assert archive.unfinished()[0][0].original.jpeg == JPEG


def test_jobs_go_when_they_are_too_old(opened, clock):
    archive, some = opened(max_days=2), [succeeded() for _ in range(3)]
    for entry in some:
        save(archive, entry)
        clock.wait(DAY_SECONDS)
    archive.make_room()
    assert kept(archive, some) == [1, 2]
    clock.wait(DAY_SECONDS)
    assert kept(opened(max_days=2), some) == [2]


# Removed


def test_a_removed_job_leaves_nothing(opened, folder):
    archive, entry = opened(), succeeded()
    save(archive, entry)
    archive.remove(entry.job.id)
    archive.remove(entry.job.id)
    assert kept(archive, [entry]) == []
    assert files(folder, "images") == files(folder, "originals") == set()
    for file in folder.rglob("jobs.sqlite"):
        assert b"anna" not in file.read_bytes()


def test_an_original_stays_as_long_as_one_of_its_jobs(opened, folder):
    archive, original = opened(), Original(JPEG, (20, 10))
    first, second = (succeeded(original=original) for _ in range(2))
    save(archive, first, second)
    archive.remove(first.job.id)
    assert archive.find([second.job.id])[0].original.jpeg == JPEG
    archive.remove(second.job.id)
    assert files(folder, "originals") == set()


def test_a_picture_that_is_removed_while_it_is_looked_at_is_unknown(opened):
    archive, entry = opened(), succeeded()
    save(archive, entry)
    [found] = archive.find([entry.job.id])
    archive.remove(entry.job.id)
    for look in (lambda: found.original.jpeg, lambda: found.job.outcome.image, found.saved_png):
        with pytest.raises(UnknownJob, match=r"old ones are forgotten\.$"):
            look()


# After a sudden end, and after damage


def test_pictures_without_a_record_are_swept(opened, folder):
    archive, entry, other = opened(), succeeded(), succeeded()
    save(archive, entry, other)
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as records, records:
        records.execute("DELETE FROM jobs WHERE id = ?", [other.job.id])
    opened()
    assert files(folder, "images") == {entry.job.id}
    assert files(folder, "originals") == {entry.original.id}


@pytest.mark.parametrize("lost", ["images", "originals"])
def test_a_record_without_its_pictures_is_dropped(opened, folder, lost):
    entry, other = succeeded(), succeeded()
    save(opened(), entry, other)
    for file in (folder / lost).iterdir():
        if file.stem in (entry.job.id, entry.original.id):
            file.unlink()
    assert kept(opened(), [entry, other]) == [1]
    assert files(folder, "images") == {other.job.id}
    assert files(folder, "originals") == {other.original.id}


def test_a_picture_that_was_damaged_is_unknown(opened, folder):
    entry = succeeded()
    save(opened(), entry)
    (folder / "images" / f"{entry.job.id}.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    [found] = opened().find([entry.job.id])
    with pytest.raises(UnknownJob):
        found.job.outcome.image  # noqa: B018


def test_a_record_that_makes_no_sense_is_left_out_and_said(opened, folder, caplog):
    entry, other, [waiting] = succeeded(), succeeded(), entries()
    save(opened(), entry, other, waiting)
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as records, records:
        spoilt = (json.dumps({"client": "anna"}), entry.job.id, waiting.job.id)
        records.execute("UPDATE jobs SET record = ? WHERE id IN (?, ?)", spoilt)
    archive = opened()
    assert kept(archive, [entry, other]) == [1]
    assert archive.unfinished() == []
    assert f"the record of job {entry.job.id[:8]} makes no sense" in caplog.text
    assert "anna" not in caplog.text


def test_damaged_records_give_the_folder_back(folder):
    Archive.open(folder, LARGE, 30).close()
    (folder / "jobs.sqlite").write_bytes(b"no database " * 1000)
    for _ in range(2):  # the second finds no lock of the first
        with pytest.raises(CannotStart, match="is damaged: file is not a database"):
            Archive.open(folder, LARGE, 30)
