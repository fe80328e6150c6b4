"""The folder of ``--keep``: whose it is, and what a sudden end leaves in it."""

from functools import partial

import pytest
from sudden_death import DEATHS, die

from models_cache.advice import CannotStart
from webapp.keep.folder import Folder, image_name, original_name

ID = "0123456789abcdef" * 2
NAME = image_name(ID)


@pytest.fixture
def opened(folder):
    opened = Folder.open(folder)
    yield opened
    opened.close()


def mode(path):
    return path.stat().st_mode & 0o777


def names(folder):
    return {each.name for each in folder.rglob("*") if each.is_file()}


def test_a_folder_that_is_not_there_is_made_for_its_owner_alone(folder, opened):
    opened.write(NAME, b"png")
    assert opened.read(NAME) == b"png"
    assert mode(folder) == mode(folder / "images") == mode(folder / "originals") == 0o700
    assert mode(folder / NAME) == mode(folder / "lock") == 0o600
    assert names(folder) == {"lock", f"{ID}.png"}


def test_one_server_at_a_time_has_it(folder):
    first = Folder.open(folder)
    with pytest.raises(CannotStart, match=r"another server .* Stop it, or .* --keep\.$"):
        Folder.open(folder)
    first.close()
    Folder.open(folder).close()


@pytest.mark.parametrize("spoilt", [".", "images", "originals", "lock", "images/new-a-file"])
def test_what_cannot_be_written_is_one_sentence(folder, spoilt):
    """Each is a folder in place of a file, or a file in place of a folder."""
    path = folder / spoilt.replace("a-file", f"{'0' * 32}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if spoilt.startswith(("lock", "images/")) else path.write_bytes(b"")
    sentence = rf"pictures cannot be kept in {folder}: [\w ]+\. Name another folder with --keep\.$"
    with pytest.raises(CannotStart, match=sentence):
        Folder.open(folder)


@pytest.mark.parametrize("death", DEATHS)
def test_who_is_killed_while_it_writes_a_picture_leaves_the_one_before(folder, opened, death):
    opened.write(NAME, b"before")
    die(death, partial(opened.write, NAME, b"after" * 100))
    die(death, partial(opened.write, original_name(ID), b"after" * 100))
    assert opened.read(NAME) == b"before"
    assert not opened.has(original_name(ID))
    assert f"new-{ID}.png" in names(folder)
    opened.sweep({NAME})
    assert names(folder) == {"lock", f"{ID}.png"}


def test_what_no_record_names_is_swept_and_what_is_not_ours_stays(folder, opened):
    opened.write(NAME, b"")
    opened.write(original_name(ID), b"")
    for theirs in ("images/holiday.png", "originals/holiday.jpg", f"{ID}.png"):
        (folder / theirs).write_bytes(b"theirs")
    opened.sweep({original_name(ID)})
    assert names(folder) == {"lock", f"{ID}.jpg", "holiday.png", "holiday.jpg", f"{ID}.png"}
    assert not opened.has(NAME)
