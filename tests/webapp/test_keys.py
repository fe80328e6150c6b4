"""The key file: made, read, refused, read again."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from door_keys import ANNA, BERT, door_keys

from models_cache.advice import CannotStart
from webapp.keys import Keys

ADVICE = "use lines of a name, a space and a key of 16 to 200 letters, digits and signs."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_a_file_that_is_not_there_is_made_with_one_strong_key_that_nobody_else_can_read(
    file: Path, capsys
):
    before = os.umask(0)
    try:
        keys = Keys.read(file, make=True)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not keys.are_readable_by_others()
    [(name, key)] = keys.by_name.items()
    assert file.read_text() == f"{name} {key}\n"
    assert re.fullmatch(r"[\w-]{32}", key)
    printed = capsys.readouterr()
    assert printed.err == f"Made {file}, with one key.\n"
    assert printed.out == ""
    assert Keys.read(file, make=True).by_name == keys.by_name
    assert capsys.readouterr().err == ""


def test_no_two_files_have_one_key(tmp_path: Path):
    keys = [Keys.read(tmp_path / f"{number}", make=True).by_name["owner"] for number in range(20)]
    assert len(set(keys)) == 20


def test_a_file_has_a_name_and_a_key_a_line(file: Path):
    file.write_text(f"# the family\n\nanna  {ANNA}\r\n\tbert {BERT} \n")
    assert Keys.read(file).by_name == {"anna": ANNA, "bert": BERT}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no key"),
        ("# nobody\n", "has no key"),
        (f"anna {ANNA}\nbert\n", "line 2"),
        ("anna fifteen-letters\n"[:20], "line 1"),
        (f"anna {ANNA} more\n", "line 1"),
        (f"an.na {ANNA}\n", "line 1"),
        (f"{'n' * 41} {ANNA}\n", "line 1"),
        (f"anna {'k' * 201}\n", "line 1"),
        ("anna a-kéy-of-anna-0123456789\n", "line 1"),
        (f"anna {ANNA}\nanna {BERT}\n", "line 2"),
        (f"anna {ANNA}\n\nbert {ANNA}\n", "line 3"),
        (b"\xff\xfe\x00" * 20, "line 1"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_line_and_without_a_key(file, text, problem):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CannotStart) as refused:
        Keys.read(file)
    sentence = str(refused.value)
    assert problem in sentence
    assert str(file) in sentence
    assert sentence.endswith((ADVICE, "Give each its own."))
    assert ANNA not in sentence
    assert BERT not in sentence


@pytest.mark.parametrize("name", ["folder", "folder/missing/keys"])
def test_a_file_that_cannot_be_had_is_named(tmp_path: Path, name):
    (tmp_path / "folder").mkdir()
    for make in (False, True):
        with pytest.raises(CannotStart, match=f"the key file {tmp_path / name} cannot be read: "):
            Keys.read(tmp_path / name, make=make)


def test_a_key_has_its_name_and_nothing_like_it_has():
    keys = door_keys()
    assert (keys.name_of(ANNA), keys.name_of(BERT)) == ("anna", "bert")
    for wrong in ("", ANNA[:-1], f"{ANNA}0", ANNA.upper(), f" {ANNA}", "anna", "é" * 24, "\ud800"):
        assert keys.name_of(wrong) is None, wrong


def test_the_keys_are_not_in_what_is_printed_of_them():
    assert ANNA not in repr(door_keys())


def test_the_file_can_be_read_again_and_a_wrong_one_changes_nothing(file: Path, caplog):
    file.write_text(f"anna {ANNA}\n")
    keys = Keys.read(file)
    file.write_text(f"bert {BERT}\n")
    keys.reread()
    assert keys.by_name == {"bert": BERT}
    file.write_text(f"{ANNA}\n")
    keys.reread()
    file.unlink()
    keys.reread()
    assert keys.by_name == {"bert": BERT}
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("The keys stay as they were: line 1 of the key file")
    assert "No such file" in second
    assert ANNA not in caplog.text


def test_it_is_seen_that_others_can_read_the_file(file: Path):
    keys = Keys.read(file, make=True)
    for mode, is_seen in ((0o640, True), (0o604, True), (0o600, False), (0o400, False)):
        file.chmod(mode)
        assert keys.are_readable_by_others() is is_seen


# Says which names there are whenever they were read.
HANGUP = """
import os, sys, time
from pathlib import Path
from webapp.early_signals import on_hangup
from webapp.keys import Keys
keys = Keys.read(Path(sys.argv[1]), make=True)
on_hangup(lambda: os._exit(7), keys.reread)
told = None
while True:
    if keys.by_name is not told:
        told = keys.by_name
        print(*told, flush=True)
    time.sleep(0.005)
"""


@contextlib.contextmanager
def running(file: Path, **where) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-c", HANGUP, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **where) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_sighup_reads_the_file_again(file: Path):
    file.write_text(f"anna {ANNA}\n")
    with running(file, stdin=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "anna\n"
        file.write_text(f"anna {ANNA}\nbert {BERT}\n")
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "anna bert\n"


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_the_server(file: Path):
    ours, theirs = os.openpty()
    with running(file, stdin=theirs, start_new_session=True) as process:
        os.close(theirs)
        assert process.stdout.readline() == "owner\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "owner\n"  # the terminal is still there
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 7
