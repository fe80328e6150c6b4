"""Pillow's source package comes by its hash or not at all."""

from pathlib import Path

import pytest

from scripts.pictures import source

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """The folder that is all that pip knows of."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_pictures_are_of_the_pillow_that_reads_them():
    assert f"Pillow=={source.VERSION}" in (ROOT / "requirements-cuda.txt").read_text().splitlines()


@pytest.mark.slow
def test_a_package_that_is_nowhere_is_said_to_be(tmp_path, shelf):
    with pytest.raises(source.NoPictures, match="cannot be fetched: Could not find a version"):
        source.fetch(tmp_path / "cache" / "pillow.tar.gz")


@pytest.mark.slow
@pytest.mark.parametrize("had", [False, True])
def test_bytes_of_another_hash_are_not_used(tmp_path, shelf, had):
    (shelf / source.ARCHIVE.name).write_bytes(b"not the package")
    archive = tmp_path / "cache" / "pillow.tar.gz"
    if had:
        archive.parent.mkdir()
        archive.write_bytes(b"not the package")
    with pytest.raises(source.NoPictures, match="DO NOT MATCH THE HASHES"):
        source.fetch(archive)
    assert list(archive.parent.iterdir()) == [archive] * had


@pytest.mark.pictures
@pytest.mark.slow
def test_what_was_fetched_is_not_fetched_again(monkeypatch):
    try:
        source.fetch()
    except source.NoPictures as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    names = [name for name, _ in source.pictures()]
    assert len(names) > 1000
    assert "hopper.jpg" in names
