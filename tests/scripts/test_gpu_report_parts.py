"""Each part of the report on a CPU, with tiny random models: as far as it goes there."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from models_cache.advice import CannotStart
from scripts.benchmarks.comparison import Comparison, Figure
from scripts.gpu_reports import (
    activations,
    captions,
    facts,
    gpu_tests,
    memory,
    precision,
    published,
    speed,
    waits,
    web,
    weights,
)
from scripts.gpu_reports.__main__ import main
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.loading import load_captioner, load_generator
from scripts.gpu_reports.one_part import measure_of
from scripts.gpu_reports.parts import PARTS, Part
from scripts.gpu_reports.runner import End, run
from scripts.gpu_reports.subject import NO_CUDA, ON_CUDA, Subject
from scripts.gpu_reports.yardsticks import BY_FAST_PATH, YARDSTICKS

pytestmark = [pytest.mark.tiny, pytest.mark.slow]

Found = dict[str, Finding]


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    subject = Subject("tiny", torch.device("cpu"), tmp_path_factory.mktemp("random"))
    [seconds, *sizes] = weights.measure(subject)
    assert seconds.value > 0
    assert [each.what for each in sizes] == ["weights of the captioner", "weights of the generator"]
    return subject


def found(findings: Iterator[Finding]) -> Found:
    return {each.what: each for each in findings}


def without_numbers(what: str) -> str:
    return re.sub(r"\d+", "N", what)


def judged_in(part: str) -> set[str]:
    """What the yardsticks ask of a part: on a CPU its numbers of steps are others."""
    return {without_numbers(each.what) for each in YARDSTICKS if each.part == part}


def test_every_part_has_something_to_measure():
    assert all(callable(measure_of(part.name)) for part in PARTS)


def test_weights_that_were_cut_are_a_sentence(tmp_path):
    subject = Subject("tiny", torch.device("cpu"), tmp_path)
    with pytest.raises(CannotStart, match=r"are not whole \(.*\)\. .* give it more --minutes\.$"):
        list(precision.measure(subject))


def test_facts_name_the_device_and_the_attention(subject):
    told = found(facts.measure(subject))
    assert told["card"].value == NO_CUDA
    assert told["torch"].value == torch.__version__
    assert told["attention of the UNet"].value in ("MATH", "FLASH_ATTENTION")


def test_memory_and_published_weights_are_for_a_card(subject):
    for part in (memory, published):
        assert [each.value for each in part.measure(subject)] == [NO_CUDA]


def test_half_precision_is_near_single_and_a_batch_near_an_image_alone(subject):
    told = found(precision.measure(subject))
    assert told["an image alone, twice: largest"].value == 0
    assert told["an image alone, or among 7 others: mean"].value < 2
    assert 0 < told["decoded in torch.bfloat16, or in fp32: mean"].value < 5
    steps = [each.value for what, each in told.items() if what.startswith("noise of the")]
    assert len(steps) == 3
    assert all(0 < apart < 0.05 for apart in steps)


def test_a_lack_of_memory_ends_one_section():
    def section() -> Iterator[Finding]:
        yield Finding("first", 1.0)
        raise torch.OutOfMemoryError

    told = list(precision.within_memory("a section", section))
    assert told == [Finding("first", 1.0), Finding("a section", "not enough memory")]


def test_activations_are_the_largest_of_any_module_and_nan_is_infinite():
    double, broken = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
    nn.init.constant_(double.weight, -2.0)
    nn.init.constant_(broken.weight, torch.nan)
    parts = {"double": nn.Sequential(double, nn.ReLU()), "broken": broken}
    largest = activations.largest_in(
        parts, lambda: [part(torch.tensor([[3.0]])) for part in parts.values()]
    )
    assert largest == {"double": 6.0, "broken": torch.inf}


def test_an_image_is_timed_to_its_png_and_beside_diffusers(subject):
    told = found(speed.measure(subject))
    most = told["images that share a forward at most"].value
    assert {f"{which} step of {2 * most} rows" for which in ("first", "second")} <= told.keys()
    assert len(told["3 steps, request to PNG"].value) == subject.plan.repeat
    assert told["2 steps, saturated"].unit == "images/s"
    assert told["waits for the GPU"].value == NO_CUDA
    ways = "Requests at once: 2: images/s: engine, submitted apart / pipeline, one call per request"
    assert all(ratio > 0 for ratio in told[ways].value)
    assert judged_in("speed") <= set(map(without_numbers, told))
    assert judged_in("fast_path") == {f"{each}{BY_FAST_PATH}" for each in judged_in("speed")}


def test_what_may_wait_for_a_card_can_be_called(subject):
    sdxl = load_generator(subject)
    for call in waits.calls(sdxl).values():
        call()


def test_captions_are_timed_alone_and_beside_painting(subject):
    told = found(captions.measure(subject))
    assert told["tokens of the caption"].value == captions.TOKENS
    for what in ("1 of 20 tokens: engine, submitted apart", "1 of 20 tokens beside painting"):
        assert all(milliseconds > 0 for milliseconds in told[what].value)
    assert len(told["painting's steps meanwhile"].value) >= 1
    assert judged_in("captions") <= set(map(without_numbers, told))


def test_what_the_web_adds_is_measured_in_each_repetition(subject):
    told = found(web.measure(subject))
    assert list(told) == ["The web: GET /generate-image adds", "The web: page upload adds"]
    assert {len(each.value) for each in told.values()} == {4 * subject.plan.repeat}
    assert judged_in("web") <= told.keys()


def test_what_the_web_adds_is_over_http_less_the_engines_alone():
    figure = Figure("one job, ms", {"engines alone": [100.0, 90.0], "over HTTP": [104.0, 89.0]})
    added = web.added(Comparison("The web: a page", [figure]))
    assert added == Finding("The web: a page adds", [4.0, -1.0], "ms")


def test_the_yardsticks_are_of_the_numbers_of_steps_that_a_card_takes():
    assert (ON_CUDA.step_counts, ON_CUDA.steps, captions.TOKENS) == ((30, 50), 20, 20)
    assert {each.part for each in YARDSTICKS} == {"speed", "fast_path", "captions", "web"}


def test_published_weights_are_tried_in_each_precision(subject):
    sdxl = load_generator(subject)
    sdxl.info = replace(sdxl.info, num_inference_steps=2)
    told = found(published.of_image(sdxl, load_captioner(subject)))
    assert told["decoded in torch.float16, finite"].value is True
    assert told["largest activation of unet, torch.float32"].value > 0


# tests/gpu.


def test_each_test_ends_by_itself(tmp_path: Path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_some.py").write_text(
        "import os, warnings, pytest\n"
        "def test_warns(): warnings.warn('of a newer torch')\n"
        "def test_fails(): assert 1 == 2, 'one is\\nnot two'\n"
        "def test_crashes(): os.abort()\n"
        "def test_skips(): pytest.skip('no card')\n"
        "@pytest.fixture\n"
        "def ends_badly(): yield; assert 0, 'at its end'\n"
        "def test_ends_badly(ends_badly): pass\n"
    )
    names = gpu_tests.collected("test_some.py", tmp_path)
    ended = list(gpu_tests.outcomes(names, tmp_path))
    assert [name for name, _ in dict(ended).items()] == names
    words = {name.rpartition("::")[2]: each for name, each in ended}
    assert words.pop("test_warns").startswith("passed in ")
    assert words == {
        "test_fails": "failed: AssertionError: one is",
        "test_skips": "skipped: no card",
        "test_ends_badly": "failed: AssertionError: at its end",
        "test_crashes": "crashed: pytest ended with -6",
    }


def test_no_tests_are_a_sentence(tmp_path: Path):
    with pytest.raises(CannotStart, match="pytest finds no tests"):
        gpu_tests.collected("none", tmp_path)


def test_on_a_gpu_the_tests_take_full_weights(subject, monkeypatch):
    on_card = replace(subject, device=torch.device("cuda"))
    [told] = gpu_tests.measure(on_card)
    assert "full size" in told.value


# The whole command.


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_part", "ModuleNotFoundError: No module named 'scripts.gpu_reports.no_such_part'"),
        ("precision", "The random weights are not whole ("),
    ],
)
def test_a_part_that_fails_says_why(name, reason):
    outcome = run(Part(name, 1, ()), "a size that nobody wrote", 900.0)
    assert outcome.end is End.FAILED
    assert outcome.reason.startswith(reason)
    assert ("Traceback" in outcome.log) is (name == "no_such_part")


def test_one_command_runs_each_part_in_a_process_of_its_own(tmp_path: Path, capsys):
    file = tmp_path / "gpu.json"
    parts = ["--only=facts", "--only=memory"]
    assert main(["--size=tiny", f"--json={file}", "--minutes=5", *parts]) == 0
    outcomes = json.loads(file.read_text())["outcomes"]
    ends = [(each["part"], each["end"]) for each in outcomes]
    assert ends == [("facts", "done"), ("memory", "done")]
    told = {each["what"]: each["value"] for each in outcomes[0]["findings"]}
    assert told["size of the models"] == "tiny"
    printed = capsys.readouterr()
    assert "## facts" in printed.out
    assert printed.err.startswith("facts: done, ")
