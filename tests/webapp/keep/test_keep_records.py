"""The SQLite file: what is refused, and who reads while it is written."""

import sqlite3
from contextlib import closing

import pytest

from models_cache.advice import CannotStart
from webapp.keep.records import VERSION, Records, Row


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a folder? 50 % #1" / "jobs.sqlite"


@pytest.fixture
def records(file):
    file.parent.mkdir()
    with closing(Records(file)) as records:
        yield records


def row(job_id, ended=1.0, original="o", image_bytes=10):
    return Row(job_id, original, 5, image_bytes, ended, "{}")


def alter(file, statement):
    with closing(sqlite3.connect(file)) as other, other:
        other.execute(statement)


def refusal(file):
    with pytest.raises(CannotStart) as error:
        Records(file)
    sentence = str(error.value)
    assert sentence.startswith(str(file))
    assert sentence.count(". ") == 1
    return sentence


def test_a_record_is_there_after_the_file_was_closed(file, records):
    records.save(row("a"))
    records.close()
    with closing(Records(file)) as again:
        assert again.find(["a", "b"]) == [row("a")]


def test_a_job_that_is_saved_again_keeps_its_place_and_its_tries(records):
    for job_id in "abc":
        records.save(row(job_id, None, image_bytes=0))
    records.count_tries()
    records.save(row("a"))
    assert [each.id for each in records.all()] == ["a", "b", "c"]
    assert [(each.id, each.tries) for each in records.unfinished()] == [("b", 1), ("c", 1)]
    assert records.of("a").tries == 1


def test_only_jobs_that_have_ended_are_found(records):
    records.save(row("a", None))
    assert records.find(["a"]) == []


def test_all_bytes_are_counted_and_those_of_a_shared_original_once(records):
    assert records.total_bytes() == 0
    for job_id, original in ("ap", "bp", "cq"):
        records.save(row(job_id, original=original))
    assert records.total_bytes() == 3 * 10 + 2 * 5


def test_readers_do_not_wait_for_the_writer(file, records):
    records.save(row("a"))
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM jobs")
        assert records.find(["a"]) == [row("a")]


def test_no_file_of_it_is_for_others(file, records):
    records.save(row("a"))
    files = list(file.parent.iterdir())
    assert len(files) == 3
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


def test_a_newer_version_is_refused_and_left_as_it_is(file, records):
    records.save(row("a"))
    records.close()
    alter(file, f"PRAGMA user_version = {VERSION + 1}")
    before = file.read_bytes()
    assert "is of a newer version of Lookalike. Update this one, or " in refusal(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("damage", ["text", "torn"])
def test_what_is_damaged_is_refused_in_one_sentence(file, records, damage):
    for number in range(100):
        records.save(row(f"{number:032x}"))
    records.close()
    if damage == "text":
        file.write_bytes(b"no database " * 1000)
    else:
        whole = file.read_bytes()
        file.write_bytes(whole[:4096] + bytes(4096) + whole[8192:])
    assert refusal(file).endswith(". Move the folder away, or name another with --keep.")


@pytest.mark.parametrize("fault", ["a folder", "foreign"])
def test_what_cannot_be_used_is_refused_in_one_sentence(file, records, fault):
    records.close()
    if fault == "a folder":
        file.unlink()
        file.mkdir()
    else:
        alter(file, "PRAGMA user_version = 0")
    assert refusal(file).endswith(". Mend that, or name another folder with --keep.")
