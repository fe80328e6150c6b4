"""What the benchmark measures beside the plain libraries, and with which weights."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import TINY_INFO, tiny_blip, tiny_pipeline

from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.advice import CannotStart
from scripts.benchmarks import captions, images, peers, processes, replicas
from scripts.benchmarks.__main__ import PARTS, main, measure
from scripts.benchmarks.arguments import QUICK, parse, plan_of, server_flags
from scripts.benchmarks.captions import APART, PLAIN, Captioned
from scripts.benchmarks.comparison import Comparison, Figure, Spread
from scripts.benchmarks.images import pixel_difference
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import now
from scripts.benchmarks.models import Subject, choose_named, describe_models, named_random
from scripts.benchmarks.painting import draw_requests, paint
from scripts.benchmarks.programs import phases
from scripts.benchmarks.programs.phases import Phase
from scripts.random_checkpoints.missing import write_missing

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of the tiny random captioner and generator."""
    return write_missing("tiny", tmp_path_factory.mktemp("random"))


@pytest.fixture
def subject(folders: dict[str, Path]) -> Subject:
    """The tiny random models on the CPU."""
    flags = [f"--{part}={folder}" for part, folder in folders.items()]
    flags.append("--device=cpu")
    models = choose_named(parse(flags, None, PARTS))
    plan = replace(QUICK, requests=(1, 2))
    return Subject(named_random(models, "tiny"), flags, plan)


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


def test_one_step_is_the_slope_within_each_repetition():
    seconds = [[3.0, 6.0], [4.0, 8.0], [6.0, 12.0]]
    figures = [Figure("s", {"theirs": each, "ours": [1.0, 1.0]}) for each in seconds]
    slope = images.slope([20, 30, 50], figures)
    assert slope.values["theirs"] == pytest.approx([0.1, 0.2])
    assert slope.values["ours"] == pytest.approx([0.0, 0.0])


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
    def phases_of(*gigabytes: int) -> list[Phase]:
        names = "loaded", "8 at once"
        return [Phase(1.0, name, each * 10**9) for name, each in zip(names, gigabytes, strict=True)]

    told = {processes.LIBRARIES: [phases_of(2, 4)], processes.OURS: [phases_of(1, 3)]}
    memory = processes.compare_memory(told, torch.device("cuda:0"))
    assert [each.what for each in memory.figures] == ["loaded, GB", "8 at once, GB"]
    at_once = memory.figures[1].spreads(processes.LIBRARIES)
    assert at_once["ratio"] == Spread.of([0.75])
    assert "GPU" in memory.note


def test_captions_that_differ_are_told():
    captioned = {
        PLAIN: [Captioned(1.0, ("a red house",))],
        APART: [Captioned(1.0, ("a red house",)), Captioned(1.0, ("a red boat",))],
    }
    assert captions.agreement([captioned]).startswith("1 of 3 captions differ")


def test_up_to_eight_requests_come_at_once():
    assert plan_of(parse([], None, PARTS)).requests == (1, 2, 4, 8)
    assert plan_of(parse(["--quick"], None, PARTS)).step_counts == QUICK.step_counts


def test_the_server_is_told_where_the_weights_go():
    assert "--memory=resident" in server_flags(parse(["--memory", "resident"], None, PARTS))


def test_no_plain_call_is_tried_on_offloaded_weights(monkeypatch, capsys):
    for part in PARTS:
        monkeypatch.setitem(PARTS, part, lambda _, part=part: [Comparison(part, [])])
    for part in (peers, replicas):
        monkeypatch.setattr(part, "is_installed", lambda: True)

    def measured(wanted: list[str], is_resident: bool) -> list[str]:
        subject = SimpleNamespace(loaded=Loaded(None, None, 4, is_resident))
        return [each.title for each in measure(subject, wanted)]

    assert measured(list(PARTS), is_resident=True) == list(PARTS)
    others = ["start", "load", "peers", "replicas", "http", "png"]
    assert measured(list(PARTS), is_resident=False) == others
    assert "steps: left out" in capsys.readouterr().err
    assert measured(["http", "steps", "load"], is_resident=True) == ["load", "steps", "http"]
    for part in (peers, replicas):
        monkeypatch.setattr(part, "is_installed", lambda: False)
    assert measured(["http", "peers", "replicas"], is_resident=True) == ["http"]
    said = capsys.readouterr().err
    assert "peers: left out, it needs LitServe" in said
    assert "replicas: left out, it needs Ray" in said


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
    with pytest.raises(CannotStart, match="random weights, tiny: the captioner takes"):
        write_missing("tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.tiny
def test_random_weights_are_named_as_such(folders: dict[str, Path], subject: Subject):
    assert set(describe_models(subject.models).values()) == {"random weights, tiny"}
    assert subject.folders[1] == str(folders["generator"])


@pytest.mark.tiny
@pytest.mark.parametrize("scale", [{}, {"latents_mean": [0.5] * 4, "latents_std": [2.0] * 4}])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1), (torch.bfloat16, 12)])
def test_a_vae_of_another_type_paints_the_same(tmp_path: Path, dtype, tolerance, scale):
    sdxl = SDXL(tiny_pipeline(tmp_path), TINY_INFO)
    pipeline = sdxl.pipeline
    pipeline.vae.register_to_config(**scale)
    requests = draw_requests(sdxl.info, QUICK, 2)
    expected = paint(pipeline, requests)
    pipeline.vae.to(dtype)
    assert pixel_difference(paint(pipeline, requests), expected) <= tolerance


@pytest.mark.tiny
def test_an_image_is_measured_by_its_steps(tmp_path: Path):
    loaded = Loaded(None, SDXL(tiny_pipeline(tmp_path), TINY_INFO), 8)
    (steps,) = images.by_steps(SimpleNamespace(loaded=loaded, plan=QUICK))
    names = [each.what for each in steps.figures]
    assert names == ["2 steps, s", "3 steps, s", "4 steps, s", "one step (slope), s"]
    assert {len(way) for each in steps.figures for way in each.values.values()} == {QUICK.repeat}
    assert "at most 0 of" in steps.note or "at most 1 of" in steps.note


@pytest.mark.tiny
def test_captions_are_measured_beside_generate(tmp_path: Path):
    loaded = Loaded(Blip(*tiny_blip(tmp_path), "tiny"), None, 8)
    (measured,) = captions.captions(SimpleNamespace(loaded=loaded, plan=QUICK))
    assert [each.what for each in measured.figures] == ["one picture, s", "8 at once, captions/s"]
    assert measured.note.endswith("Both gave the same words.")


@pytest.mark.tiny
@pytest.mark.slow
def test_loads_are_measured_in_processes_of_their_own(subject: Subject):
    np.ones(10**9, np.uint8)  # the peak of this process is not to count as theirs
    load, memory = processes.load(subject)
    assert all(way[0] > 0 for each in load.figures for way in each.values.values())
    assert [each.what for each in memory.figures] == [
        "loaded and warm, GB",
        "1 at once, GB",
        "2 at once, GB",
    ]
    assert all(0.1 < way[0] < 0.9 for each in memory.figures for way in each.values.values())


@pytest.mark.tiny
@pytest.mark.slow
def test_a_server_and_a_bare_program_are_timed_to_their_first_image(subject: Subject):
    (start,) = processes.start(subject)
    ready, image = start.figures
    assert list(ready.values) == [processes.SERVER]
    assert 0 < ready.values[processes.SERVER][0] < image.values[processes.SERVER][0]
    assert image.spreads(processes.BARE)["ratio"].median > 0


@pytest.mark.tiny
@pytest.mark.slow
def test_a_bare_program_waits_for_no_import_of_the_server():
    code = (
        "import sys\n"
        "from scripts.benchmarks.programs import bare_start, plain_load\n"
        "print([name for name in sys.modules if name.startswith(('webapp', 'flask'))])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.tiny
@pytest.mark.slow
def test_one_command_measures_parts_of_its_own_models(folders: dict[str, Path], tmp_path, capsys):
    file = tmp_path / "report.json"
    models = [f"--{part}={folder}" for part, folder in folders.items()]
    parts = [f"--only={part}" for part in ("steps", "captions", "engine")]
    assert main(["--quick", *models, "--device=cpu", *parts, "--requests=1", f"--json={file}"]) == 0
    document = json.loads(file.read_text())
    assert [each["title"] for each in document["comparisons"]] == [
        "One image by steps",
        "Requests at once: 1",
        "A late request that joins a running one",
        "Captions",
    ]
    assert str(folders["captioner"].parent) not in file.read_text() + capsys.readouterr().out
