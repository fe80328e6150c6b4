"""What the benchmark measures beside the plain libraries, and with which weights."""

import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_cache.start import CannotStart
from tiny import tiny_blip, tiny_pipeline

from captioner.blip import Blip
from generator.sdxl import SDXL
from scripts.benchmarks import (
    captions_benchmark,
    load_benchmark,
    phases,
    start_benchmark,
    steps_benchmark,
)
from scripts.benchmarks.__main__ import main, measurable
from scripts.benchmarks.arguments import parse, plan_of, server_flags
from scripts.benchmarks.captions_benchmark import ENGINE, PLAIN, Captioned
from scripts.benchmarks.clock import now
from scripts.benchmarks.comparison import Both, Comparison
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import describe_models
from scripts.benchmarks.painting import paint
from scripts.benchmarks.phases import Phase
from scripts.benchmarks.plan import QUICK, draw_requests
from scripts.benchmarks.random_models import choose_random, write_missing
from scripts.benchmarks.repetition import Spread, pixel_difference
from scripts.benchmarks.report import Report, to_json, to_markdown

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
LOAD = Comparison("Load", "theirs", "ours", [Both("to warm, s", [4.0, 9.0], [2.0, 3.0])], "A note.")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of the tiny random captioner and generator."""
    return write_missing("tiny", tmp_path_factory.mktemp("random"))


@pytest.fixture
def cuda_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of CUDA, which is there for as long as the test runs."""
    calls: list[str] = []
    for name in ("synchronize", "max_memory_allocated", "reset_peak_memory_stats"):

        def call(device: torch.device, name: str = name) -> int:
            calls.append(name)
            return 5

        monkeypatch.setattr(torch.cuda, name, call)
    return calls


def test_ours_is_shown_over_the_libraries():
    report = Report("a date", {}, {}, QUICK, comparisons={"load": LOAD})
    figures = json.loads(to_json(report))["figures"]["load"]["to warm, s"]
    assert figures["theirs"]["median"] == 6.5
    assert figures["ratio"] == {"median": pytest.approx(5 / 12), "smallest": 1 / 3, "largest": 0.5}
    text = to_markdown(report)
    assert "| what       | theirs                 | ours                   | ratio" in text
    assert text.endswith("A note.")


def test_one_step_is_the_slope_within_each_repetition():
    seconds = [[3.0, 6.0], [4.0, 8.0], [6.0, 12.0]]
    assert steps_benchmark.slopes([20, 30, 50], seconds) == pytest.approx([0.1, 0.2])


def test_the_clock_waits_for_a_gpu_and_for_nothing_else(cuda_calls: list[str]):
    now(CPU)
    assert cuda_calls == []
    now(CUDA)
    assert cuda_calls == ["synchronize"]


def test_a_phase_has_a_peak_of_its_own_on_a_gpu(cuda_calls: list[str], capsys):
    phases.tell("loaded", CUDA)
    assert cuda_calls == ["synchronize", "max_memory_allocated", "reset_peak_memory_stats"]
    assert json.loads(capsys.readouterr().out) == {"name": "loaded", "peak_bytes": 5}


def test_a_program_that_fails_says_why():
    with pytest.raises(phases.ProgramFailed, match="(?s)json.tool ended with .*no-such-file"):
        phases.run("json.tool", ["no-such-file"])


def test_peaks_are_compared_phase_by_phase():
    plain = [[Phase(1.0, "loaded", 2 * 10**9), Phase(2.0, "8 at once", 4 * 10**9)]]
    ours = [[Phase(1.0, "loaded", 10**9), Phase(2.0, "8 at once", 3 * 10**9)]]
    memory = load_benchmark.memory(plain, ours, "cuda:0")
    assert memory.figures["8 at once, GB"]["ratio"] == Spread(0.75, 0.75, 0.75)
    assert "GPU" in memory.note


def test_captions_that_differ_are_told():
    captioned = {
        (PLAIN, 1): [Captioned(1.0, ("a red house",))],
        (ENGINE, 1): [Captioned(1.0, ("a red house",)), Captioned(1.0, ("a red boat",))],
    }
    assert captions_benchmark.agreement(captioned).startswith("1 of 3 captions differ")


def test_up_to_eight_requests_come_at_once():
    assert plan_of(parse([], None)).requests == (1, 2, 4, 8)
    assert plan_of(parse(["--quick"], None)).step_counts == QUICK.step_counts


def test_the_server_is_told_where_the_weights_go():
    assert "--memory=resident" in server_flags(parse(["--memory", "resident"], None))


@pytest.mark.tiny
def test_no_plain_call_is_tried_on_offloaded_weights(tmp_path: Path):
    loaded = Loaded(
        Blip(*tiny_blip(tmp_path / "blip"), "tiny"), SDXL(tiny_pipeline(tmp_path), "tiny"), 4
    )
    assert measurable(["steps", "http"], loaded) == ["steps", "http"]
    assert measurable(["steps", "http"], replace(loaded, is_resident=False)) == ["http"]


@pytest.mark.parametrize("flag", ["--models=demo", "--captioner=mine", "--generator=mine"])
def test_random_weights_come_alone(flag: str, capsys):
    assert main(["--random", "tiny", flag]) == 2
    assert "leave out --models, --captioner and --generator" in capsys.readouterr().err


@pytest.mark.tiny
def test_only_what_is_missing_of_random_weights_is_written(folders: dict[str, Path], tmp_path):
    shutil.copytree(folders["captioner"].parent, tmp_path, dirs_exist_ok=True)
    whole, cut = tmp_path / "captioner/model.safetensors", tmp_path / "generator/vae/config.json"
    written, content = whole.stat().st_mtime_ns, cut.read_bytes()
    cut.unlink()
    write_missing("tiny", tmp_path)
    assert whole.stat().st_mtime_ns == written
    assert cut.read_bytes() == content


@pytest.mark.tiny
def test_random_weights_that_find_no_room_are_not_begun(tmp_path: Path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(free=10))
    with pytest.raises(CannotStart, match="--random tiny: the captioner takes"):
        write_missing("tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.tiny
def test_random_weights_are_named_as_such(folders: dict[str, Path]):
    choice, _ = choose_random("tiny", folders, "cpu")
    assert set(describe_models(choice).values()) == {"random weights, tiny"}
    assert choice.generator.folder == folders["generator"]


@pytest.mark.tiny
@pytest.mark.parametrize("scale", [{}, {"latents_mean": [0.5] * 4, "latents_std": [2.0] * 4}])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1), (torch.bfloat16, 12)])
def test_a_vae_of_another_type_paints_the_same(tmp_path: Path, dtype, tolerance, scale):
    sdxl = SDXL(tiny_pipeline(tmp_path), "tiny")
    pipeline = sdxl.pipeline
    pipeline.vae.register_to_config(**scale)
    requests = draw_requests(sdxl.info, QUICK, 2)
    expected = paint(pipeline, requests)
    pipeline.vae.to(dtype)
    assert pixel_difference(paint(pipeline, requests), expected) <= tolerance


@pytest.mark.tiny
def test_an_image_is_measured_by_its_steps(tmp_path: Path):
    steps = steps_benchmark.measure(SDXL(tiny_pipeline(tmp_path), "tiny"), 8, QUICK)
    names = [row.what for row in steps.rows]
    assert names == ["2 steps, s", "3 steps, s", "4 steps, s", "one step (slope), s"]
    assert {len(way) for row in steps.rows for way in (row.plain, row.ours)} == {QUICK.repeat}
    assert "at most 0 of" in steps.note or "at most 1 of" in steps.note


@pytest.mark.tiny
def test_captions_are_measured_beside_generate(tmp_path: Path):
    captions = captions_benchmark.measure(Blip(*tiny_blip(tmp_path), "tiny"), QUICK)
    assert [row.what for row in captions.rows] == ["one picture, s", "8 at once, captions/s"]
    assert captions.note.endswith("Both gave the same words.")


@pytest.mark.tiny
@pytest.mark.slow
def test_loads_are_measured_in_processes_of_their_own(folders: dict[str, Path]):
    np.ones(10**9, np.uint8)  # the peak of this process is not to count as theirs
    choice, _ = choose_random("tiny", folders, "cpu")
    flags = [f"--{part}={folder}" for part, folder in folders.items()]
    plan = replace(QUICK, requests=(1, 2))
    load, memory = load_benchmark.measure(choice, "cpu", [*flags, "--device=cpu"], plan)
    assert all(way[0] > 0 for row in load.rows for way in (row.plain, row.ours))
    assert [row.what for row in memory.rows] == [
        "loaded and warm, GB",
        "1 at once, GB",
        "2 at once, GB",
    ]
    assert all(0.1 < way[0] < 0.9 for row in memory.rows for way in (row.plain, row.ours))


@pytest.mark.tiny
@pytest.mark.slow
def test_a_bare_program_is_timed_to_its_image(folders: dict[str, Path]):
    choice, _ = choose_random("tiny", folders, "cpu")
    assert start_benchmark.start_bare(choice, "cpu", 2)[0] > 0


@pytest.mark.tiny
@pytest.mark.slow
def test_one_command_measures_parts_of_its_own_models(folders: dict[str, Path], tmp_path, capsys):
    file = tmp_path / "report.json"
    models = [f"--{part}={folder}" for part, folder in folders.items()]
    parts = [f"--only={part}" for part in ("steps", "captions", "engine")]
    assert main(["--quick", *models, "--device=cpu", *parts, "--requests=1", f"--json={file}"]) == 0
    document = json.loads(file.read_text())
    assert set(document["comparisons"]) == {"steps", "captions"}
    assert [each["requests"] for each in document["engine"]] == [1]
    assert str(folders["captioner"].parent) not in file.read_text() + capsys.readouterr().out
