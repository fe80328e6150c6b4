"""``python -m captioner``, as it is typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from captioner.__main__ import main

pytestmark = [pytest.mark.demo, pytest.mark.slow]

EXAMPLES = Path("webapp/static/examples")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "captioner", "--models", "demo", *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_each_picture_gets_its_line_and_what_is_none_its_reason(tmp_path: Path):
    house = EXAMPLES / "a-red-house-by-the-sea.png"
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    done = run(house, text, tmp_path / "nothing.png", house)
    assert done.stdout.splitlines() == [f"{house}: a red house by the sea"] * 2
    assert f"{text}: The file is not an image" in done.stderr
    assert f"{tmp_path / 'nothing.png'}: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_a_name_that_is_no_text_is_printed_as_it_is(tmp_path: Path):
    name = os.fsencode(tmp_path) + b"/h\xe4user.png"
    Path(os.fsdecode(name)).write_bytes((EXAMPLES / "a-red-house-by-the-sea.png").read_bytes())
    nothing = os.fsencode(tmp_path) + b"/nichts\xe4.png"
    command = [sys.executable, "-m", "captioner", "--models", "demo", name, nothing]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.stdout == name + b": a red house by the sea\n"
    assert b"nichts\\udce4.png: No such file or directory" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1


def test_a_folder_has_its_reason_and_the_rest_its_captions(tmp_path: Path, capsys):
    house = EXAMPLES / "a-red-house-by-the-sea.png"
    assert main(["--models", "demo", str(tmp_path), str(house)]) == 1
    told = capsys.readouterr()
    assert f"{tmp_path}: Is a directory" in told.err
    assert told.out == f"{house}: a red house by the sea\n"


def test_a_reader_that_leaves_ends_it_quietly():
    command = [sys.executable, "-m", "captioner", "--models", "demo"]
    files = [str(file) for file in sorted(EXAMPLES.glob("*.png"))] * 8
    with subprocess.Popen(
        [*command, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 141
    assert b"Traceback" not in told
    assert b"BrokenPipeError" not in told


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--device", "cuda:7"], "--device cuda:7: this machine has cpu"),
        (["--captioner", "/nowhere"], "/nowhere"),
        (["--captioner", "models_cache/demo/generator"], "not BLIP"),
        (["--models", "large"], "'large' is none of auto, demo, full"),
    ],
)
def test_what_cannot_be_loaded_is_named(flags, sentence, capsys):
    """In this process, as starting another takes seconds and says no more."""
    picture = str(EXAMPLES / "a-red-house-by-the-sea.png")
    try:
        code = main(["--models", "demo", picture, *flags])
    except SystemExit as end:  # argparse's
        code = end.code
    assert code == 2
    assert sentence in capsys.readouterr().err
