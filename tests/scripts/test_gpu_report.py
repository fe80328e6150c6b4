"""The report of a GPU machine: parts that crash or take too long, its file, tables and verdicts."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmarks.comparison import Comparison, Figure
from scripts.gpu_reports.__main__ import collect, main
from scripts.gpu_reports.finding import Finding, findings_of, finite, megabytes, number
from scripts.gpu_reports.parts import PARTS, Part
from scripts.gpu_reports.report import Report
from scripts.gpu_reports.runner import ROOT, End, Outcome, run, run_all
from scripts.gpu_reports.yardsticks import judged

# Stands for one_part: finds something, then does what its first argument says.
PROGRAM = """
import json, os, signal, subprocess, sys, time

name, size, file = sys.argv[1:]
lines = open(file, "w")
lines.write(json.dumps({"what": "size", "value": size, "unit": "", "planned": None}) + "\\n")
lines.flush()
if name in ("hangs", "crashes"):
    lines.write('{"what": "half a li')
    lines.flush()
if name == "hangs":
    asleep = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open(os.environ["PID_FILE"], "w").write(str(asleep.pid))
    time.sleep(60)
if name == "crashes":
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
if name == "fails":
    lines.write(json.dumps({"failure": "It is too small. Buy a larger one."}))
    sys.exit(2)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "stand_in.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    return "stand_in"


def part(name: str, share: int = 1, needs: tuple[str, ...] = ()) -> Part:
    return Part(name, share, needs)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def has_ended(pid: int, within_seconds: float = 20) -> bool:
    """The system may take a moment to end what it was told to kill."""
    until = time.monotonic() + within_seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_running(pid)


# Parts.


@pytest.mark.slow
def test_a_part_that_takes_too_long_is_cut_and_keeps_what_it_found(program, tmp_path):
    outcome = run(part("hangs"), "tiny", 3.0, program)
    assert (outcome.end, outcome.reason) == (End.CUT, "Its 3 seconds were over.")
    assert outcome.findings == [Finding("size", "tiny")]
    if Path("/proc/self/stat").exists():  # what the part itself had started
        assert has_ended(int((tmp_path / "pid").read_text()))


@pytest.mark.slow
def test_a_part_that_crashes_is_told_with_its_last_words(program):
    outcome = run(part("crashes"), "tiny", 60.0, program)
    assert outcome.end is End.FAILED
    assert outcome.reason == "Its process ended with signal 11 (Segmentation fault)."
    assert outcome.log == "last words\n"
    assert outcome.findings == [Finding("size", "tiny")]


@pytest.mark.slow
def test_the_failure_of_a_part_is_its_own_sentence(program):
    outcome = run(part("fails"), "tiny", 60.0, program)
    assert (outcome.end, outcome.reason) == (End.FAILED, "It is too small. Buy a larger one.")


@pytest.mark.slow
def test_what_a_part_leaves_of_its_time_goes_to_those_after_it(program):
    parts = [part("fails", 1), part("crashes", 1), part("ends", 2)]
    limits = [outcome.limit_seconds for outcome in run_all(parts, "tiny", 400.0, program)]
    assert limits[0] == pytest.approx(100, abs=1)
    assert limits[1] == pytest.approx(400 / 3, abs=20)
    assert limits[2] == pytest.approx(400, abs=60)


def test_a_part_whose_packages_are_missing_is_left_out_and_they_are_named():
    outcome = run(part("any", needs=("json", "no_such_module", "no_other")), "tiny", 60.0)
    assert outcome.end is End.LEFT_OUT
    assert outcome.reason.endswith("python -m pip install no_such_module no_other.")


@pytest.mark.slow
def test_a_python_without_any_package_makes_a_report(tmp_path):
    """-S leaves out the folder that packages are installed in."""
    file = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, "-S", "-m", "scripts.gpu_report", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    assert [each["part"] for each in told["outcomes"]] == [each.name for each in PARTS]
    assert {each["end"] for each in told["outcomes"]} == {"left out"}
    assert "pip install torch" in done.stdout


# The report.


FINDINGS = (
    Finding("30 steps, request to PNG", [0.9, 1.1, 0.8], "s"),
    megabytes("a step", 3e8, 4e8),
)
SPEED = Outcome("speed", End.CUT, 61.0, 60.0, FINDINGS, "Its 60 seconds were over.")
H200 = (Finding("card", "NVIDIA H200"), Finding("size of the models", "full"))
FACTS = Outcome("facts", End.DONE, 9.0, 20.0, H200)


def test_the_file_is_replaced_whole(tmp_path):
    file = tmp_path / "gpu.json"
    file.write_text("old")
    report = Report(9.0)
    reader = file.open()
    report.write(file)
    assert reader.read() == "old"
    reader.close()
    report.outcomes.append(SPEED)
    report.write(file)
    assert [path.name for path in tmp_path.iterdir()] == ["gpu.json"]
    [outcome] = json.loads(file.read_text())["outcomes"]
    assert outcome["end"] == "cut"
    assert outcome["findings"][0]["value"] == [0.9, 1.1, 0.8]


def test_the_file_is_written_anew_after_each_part(tmp_path):
    file = tmp_path / "gpu.json"

    def ends() -> Iterator[str]:
        return (each["part"] for each in json.loads(file.read_text())["outcomes"])

    def outcomes() -> Iterator[Outcome]:
        yield FACTS
        assert list(ends()) == ["facts"]
        yield SPEED
        assert list(ends()) == ["facts", "speed"]

    collect(Report(9.0), outcomes(), file)
    assert list(ends()) == ["facts", "speed"]


def test_a_report_names_versions_and_no_folder_of_this_machine():
    log = f'File "{ROOT}/generator/sdxl.py", and {sys.prefix}/lib, {Path.home()}/.cache'
    report = Report(9.0, [replace(SPEED, log=log, reason=f"no {ROOT}/models_cache/random")])
    for text in (report.to_json(), report.to_markdown()):
        assert str(ROOT) not in text
        assert sys.prefix not in text
        assert "<clone>/models_cache/random" in text
    assert "<clone>/generator/sdxl.py" in report.to_json()
    assert json.loads(report.to_json())["packages"]["pytest"] == pytest.__version__


def test_the_tables_show_every_end_and_finding():
    text = Report(9.0, [FACTS, SPEED]).to_markdown()
    for row in (
        "| speed | cut  | 61 | 60   | Its 60 seconds were over. |",
        "| 30 steps, request to PNG | 0.9 (0.8 to 1.1) | s    |               |",
        "| a step                   | 300              | MB   | 400           |",
    ):
        assert row in text


def test_an_h200_is_judged_by_its_medians():
    slow = replace(SPEED, findings=[Finding("50 steps, request to PNG", [1.5, 1.6, 1.7], "s")])
    assert [each.is_met for each in judged([FACTS, SPEED])] == [True]
    assert [each.is_met for each in judged([FACTS, slow])] == [False]
    text = Report(9.0, [FACTS, slow]).to_markdown()
    assert "| 50 steps, request to PNG, s, under 1.55 | 1.6      | MISSED  |" in text


@pytest.mark.parametrize("changed", [("card", "NVIDIA L4"), ("size of the models", "tiny")])
def test_nothing_is_judged_on_another_card_or_with_other_weights(changed):
    facts = [each for each in H200 if each.what != changed[0]]
    other = replace(FACTS, findings=[*facts, Finding(*changed)])
    assert list(judged([other, SPEED])) == []
    assert list(judged([SPEED])) == []
    assert "nothing is judged" in Report(9.0, [other, SPEED]).to_markdown()


def test_what_is_no_number_is_said_in_words():
    assert [finite(each) for each in (1.5, float("nan"), float("-inf"))] == [
        1.5,
        "not finite",
        "not finite",
    ]


def test_numbers_have_three_digits_or_all_before_the_point():
    assert [number(each) for each in (0.012345, 5.0, 99.96, 1234.5)] == [
        "0.0123",
        "5",
        "100",
        "1,234",
    ]


def test_a_comparison_becomes_its_ways_and_their_ratio():
    figures = [
        Figure("s", {"theirs": [2.0, 4.0], "ours": [1.0, 1.0]}),
        Figure("other", {"ours": [1.0]}),
    ]
    found = list(findings_of(Comparison("Two", figures, "Equal."), ["s"]))
    assert found == [
        Finding("Two: s: theirs", [2.0, 4.0]),
        Finding("Two: s: ours", [1.0, 1.0]),
        Finding("Two: s: ours / theirs", [0.5, 0.25]),
        Finding("Two", "Equal."),
    ]


# The command.


@pytest.mark.parametrize(
    "wrong", [["--minutes", "0"], ["--minutes", "soon"], ["--only", "nothing"]]
)
def test_wrong_arguments_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(wrong)
    assert exit_.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_a_sentence_before_anything_is_measured(tmp_path, capsys):
    assert main(["--only=facts", "--json", str(tmp_path / "missing" / "gpu.json")]) == 2
    told = capsys.readouterr()
    assert "facts" not in told.err
    assert "cannot be written: No such file or directory. Name a file" in told.err
    assert told.out == ""
