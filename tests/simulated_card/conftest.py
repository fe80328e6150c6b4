"""The processes with a simulated card, side by side, each with its topics."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.random_checkpoints.missing import write_missing

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARIES = Path(torch.__file__).parent / "lib"
INCLUDES = Path(torch.__file__).parent / "include"
SECONDS = 1200
PARTS = ("facts", "memory")
TOPICS = (("shortage",), ("values", "schedulers"), ("full size",))
AT_ONCE = 2
REPORT = "gpu.xml"
OWN = {
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    "LD_LIBRARY_PATH": str(LIBRARIES),
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_DEACTIVATE_ASYNC_LOAD": "1",  # a dispatch mode is of one thread
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # tests/gpu needs none, and they take seconds to load
}


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets torch have such tensors."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no simulated card: neither g++ nor clang++ is installed")
    library = tmp_path_factory.mktemp("guard") / "guard.so"
    subprocess.run(
        [compiler, "-std=c++20", "-shared", "-fPIC", f"-I{INCLUDES}", f"-L{LIBRARIES}"]
        + [str(HERE / "guard.cpp"), "-lc10", "-o", str(library)],
        check=True,
        timeout=SECONDS,
    )
    return library


@pytest.fixture(scope="session")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both checkpoints, without weights."""
    folder = tmp_path_factory.mktemp("card") / "models_cache" / "random" / "full"
    program = "import pathlib, sys; from simulated_card import weights"
    run(["-c", f"{program}; weights.write(pathlib.Path(sys.argv[1]))", str(folder)], cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both tiny checkpoints."""
    root = tmp_path_factory.mktemp("random")
    write_missing("tiny", root)
    return root


@dataclass
class Runs:
    """What each process prints: ``tests/gpu``, each group of topics, parts of the GPU report."""

    gpu_tests: Future[str]
    topics: list[Future[str]]
    report: Future[str]


@pytest.fixture(scope="session")
def runs(guard: Path, full_size: Path, tiny: Path) -> Iterator[Runs]:
    """All of them, begun: the longest first."""
    options = ["-p", "simulated_card.plugin", "-p", "no:cacheprovider", "--junit-xml", REPORT]
    place = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(ROOT / "tests/gpu")]
    pytest_ = ["-m", "pytest", *options, *place]
    visit = ["-m", "simulated_card.visit", str(guard), str(full_size)]
    report = ["-m", "simulated_card.report", str(guard), str(tiny), *PARTS]
    folder = full_size.parents[2]  # where tests/gpu looks for those checkpoints
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield Runs(
            pool.submit(run, pytest_, folder, may_fail=True, LOOKALIKE_GUARD=str(guard)),
            [pool.submit(run, [*visit, *topics], ROOT) for topics in TOPICS],
            pool.submit(run, report, ROOT),
        )


@pytest.fixture(scope="session")
def gpu_tests(runs: Runs, full_size: Path) -> tuple[Path, str]:
    """The report of ``tests/gpu``, and what it said."""
    said = runs.gpu_tests.result()
    return full_size.parents[2] / REPORT, said


@pytest.fixture(scope="session")
def seen(runs: Runs) -> dict[str, Any]:
    """What was seen, by topic."""
    told = [json.loads(each.result()) for each in runs.topics]
    return {topic: what for each in told for topic, what in each.items()}


@pytest.fixture(scope="session")
def report(runs: Runs) -> dict[str, dict[str, Any]]:
    """What was found, by part and by what it is of."""
    parts = json.loads(runs.report.result())
    return {part: {each["what"]: each for each in findings} for part, findings in parts.items()}


def run(arguments: list[str], cwd: Path, may_fail: bool = False, **variables: str) -> str:
    """What a Python of its own prints: torch's changes do not outlive it."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **OWN, **variables},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert may_fail or done.returncode == 0, done.stderr
    return done.stdout
