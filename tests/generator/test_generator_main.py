"""``python -m generator``, as it is typed."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from generator.__main__ import main
from generator.png import read_parameters

pytestmark = [pytest.mark.demo, pytest.mark.slow]

STEPS = ("--num-inference-steps", "2")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", "--models", "demo", *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_a_prompt_becomes_a_file_that_carries_its_parameters(tmp_path: Path):
    file = tmp_path / "out.png"
    done = run("a red house by the sea", "-o", file, "--seed", 3, "--width", 80, *STEPS)
    assert done.returncode == 0, done.stderr
    assert f"{file}: 80x128, seed 3" in done.stdout
    with Image.open(file) as image:
        assert image.size == (80, 128)
    parameters = read_parameters(file.read_bytes())
    assert (parameters["Prompt"], parameters["Seed"]) == ("a red house by the sea", "3")


def test_a_file_is_what_its_name_says(tmp_path: Path):
    file = tmp_path / "out.jpg"
    assert main(["--models", "demo", "a red house by the sea", "-o", str(file), *STEPS]) == 0
    with Image.open(file) as image:
        assert image.format == "JPEG"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jpg"]


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_file_says_that_a_model_made_it_unless_it_is_not_to(tmp_path: Path, is_marked: bool):
    file, flag = tmp_path / "out.webp", [] if is_marked else ["--no-marking"]
    assert main(["--models", "demo", "a tree", "-o", str(file), *STEPS, *flag]) == 0
    with Image.open(file) as image:
        assert ("xmp" in image.info) is is_marked


def test_standard_output_gets_the_image_alone():
    command = [sys.executable, "-m", "generator", "--models", "demo", "a tree", "-o", "-", *STEPS]
    done = subprocess.run(command, capture_output=True, timeout=120)
    with Image.open(BytesIO(done.stdout)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (128, 128))
    assert b"-: 128x128, seed " in done.stderr


def test_words_that_were_not_read_are_named(tmp_path: Path, capsys):
    prompt, file = "a red house " * 10 + "by the sea", str(tmp_path / "out.png")
    assert main(["--models", "demo", prompt, "-o", file, *STEPS]) == 0
    assert "unseen were 'by the sea'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a house", "-o", "out.png", "--width", "63"], "width must be a multiple of 8 from 32"),
        ([" ", "-o", "out.png"], "prompt is empty"),
        (["a house", "-o", "/nowhere/out.png"], "--output: there is no folder /nowhere."),
        (
            ["a house", "-o", "models_cache"],
            "--output: models_cache is a folder: name a file in it.",
        ),
        (["a house", "-o", "out.tiff"], "--output: out.tiff has to end in .png, .jpg or .webp."),
        (["a house", "-o", "out.png", "--generator", "models_cache/demo/captioner"], "not SDXL"),
    ],
)
def test_what_cannot_be_done_is_named(arguments, sentence, capsys):
    """In this process, as starting another takes seconds and says no more."""
    try:
        code = main(["--models", "demo", *arguments])
    except SystemExit as end:  # argparse's
        code = end.code
    assert code == 2
    assert sentence in capsys.readouterr().err
