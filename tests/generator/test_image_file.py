"""An image's file is tried before it is painted, and whole or not there."""

import os
from pathlib import Path

import pytest
from fakes import FAKE_INFO
from PIL import Image
from sudden_death import DEATHS, die

from generator.image_file import CannotWrite, ImageFile
from generator.job import Succeeded
from generator.png import read_parameters

REQUEST = FAKE_INFO.request("a red house – by the sea", seed=7)
IMAGE = Image.linear_gradient("L").convert("RGB")
PAINTED = Succeeded(IMAGE), REQUEST, FAKE_INFO


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "PNG"),
        ("a.PNG", "PNG"),
        ("a", "PNG"),
        ("a.jpg", "JPEG"),
        ("a.jpeg", "JPEG"),
        ("a.webp", "WEBP"),
    ],
)
def test_a_file_is_what_its_name_says_and_nothing_else_is_left(tmp_path, name, kind):
    file = ImageFile(tmp_path / name)
    file.write(*PAINTED)
    file.close()
    with Image.open(tmp_path / name) as image:
        image.load()
        assert (image.format, image.size) == (kind, IMAGE.size)
    assert os.listdir(tmp_path) == [name]


def test_what_was_there_stays_until_the_image_is_whole(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"an older one")
    file = ImageFile(path)
    assert path.read_bytes() == b"an older one"
    file.close()
    assert path.read_bytes() == b"an older one"
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("death", DEATHS)
def test_who_is_killed_while_it_writes_leaves_what_was_there(tmp_path, death):
    path = tmp_path / "a.png"
    path.write_bytes(b"an older one")
    file = ImageFile(path)
    die(death, lambda: file.write(*PAINTED))
    assert path.read_bytes() == b"an older one"
    file.close()


def test_a_new_file_is_for_whom_any_new_file_is_for(tmp_path):
    (tmp_path / "other").touch()
    file = ImageFile(tmp_path / "a.png")
    file.write(*PAINTED)
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is a folder: name a file in it."),
        ("a.gif", r"has to end in \.png, \.jpg or \.webp."),
        ("none/a.png", "there is no folder .*none"),
        ("a" * 300 + ".png", "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, name, why):
    with pytest.raises(CannotWrite, match=why):
        ImageFile(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_file_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    """Asked of the system, since to root all may be written."""
    (tmp_path / "a.png").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(CannotWrite, match="may not be written"):
        ImageFile(tmp_path / "a.png")


def test_standard_output_is_a_png(capfdbinary):
    file = ImageFile(Path("-"))
    file.write(*PAINTED)
    file.close()
    assert read_parameters(capfdbinary.readouterr().out)["Seed"] == "7"
