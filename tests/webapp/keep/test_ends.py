"""What ends unseen: nothing comes back that is over, and no job is blamed for an end unjustly."""

import pytest
from web_client import job_of, upload, visit

from generator.job import Failed
from webapp.keep.resume import MOST_TRIES


def record_files(folder):
    return b"".join(file.read_bytes() for file in folder.glob("jobs.sqlite*"))


def test_what_is_deleted_goes_before_anything_else_is_saved(start):
    now = start()
    old = job_of(now.services, upload(now.client, prompt="a house"))
    now.paint()
    now.save()
    new = job_of(now.services, upload(now.client, prompt="a boat"))
    now.services.jobs.delete(old.id)
    now.keeper.step()
    assert now.archive.find([old.id]) == []
    assert [entry.job.id for entry, _ in now.archive.unfinished()] == []
    now.save()
    assert [entry.job.id for entry, _ in now.archive.unfinished()] == [new.id]


def test_the_words_of_what_is_deleted_stand_in_none_of_the_files(start, folder):
    now = start()
    job = job_of(now.services, upload(now.client, prompt="a secret garden"))
    now.paint()
    now.save()
    assert b"a secret garden" in record_files(folder)
    assert visit(now.client, f"/jobs/{job.id}/delete", "POST").status_code == 303
    now.save()
    assert b"a secret garden" not in record_files(folder)


def test_a_job_that_ended_and_left_memory_unsaved_is_not_painted_again(start):
    now = start()
    job = job_of(now.services, upload(now.client, prompt="a house"))
    now.save()
    now.paint()
    now.services.jobs._entries.clear()
    then = start.after(now)
    assert then.services.generator.stats().jobs == 0
    assert visit(then.client, f"/jobs/{job.id}").status_code == 404


def test_pictures_whose_record_could_not_be_written_do_not_stay(start, folder, monkeypatch):
    now = start()
    job_of(now.services, upload(now.client, prompt="a house"))

    def full(row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(now.archive._records, "save", full)
    assert not now.keeper.step()
    assert list((folder / "originals").iterdir()) == []


def test_a_record_that_makes_no_sense_is_removed_with_its_pictures(start, folder):
    now = start()
    job_of(now.services, upload(now.client, prompt="a house"))
    now.save()
    now.archive._records._writer.execute("UPDATE jobs SET record = '{}'")
    start()
    assert list((folder / "originals").iterdir()) == []


@pytest.mark.parametrize(("is_sudden", "is_painted"), [(False, True), (True, False)])
def test_only_ends_that_a_job_may_have_caused_are_counted(start, is_sudden, is_painted):
    now = start()
    job = job_of(now.services, upload(now.client, prompt="a house"))
    now.save()
    for _ in range(MOST_TRIES + 1):
        now = start()
        now.keeper._is_sudden = is_sudden
        now.keeper._is_closed = True
        now.keeper._run()
    [then] = start().same([job])
    assert (not isinstance(then.outcome, Failed)) == is_painted
