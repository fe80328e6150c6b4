"""What a GPU would refuse or wait for, seen on a machine without one."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = [pytest.mark.simulated_card, pytest.mark.slow]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARIES = Path(torch.__file__).parent / "lib"
INCLUDES = Path(torch.__file__).parent / "include"
SECONDS = 240
# In two processes, side by side.
CONFIGURATIONS = (("resident",), ("offload", "second card", "no bfloat16"))

Seen = dict[str, Any]


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


def visit(guard: Path, names: tuple[str, ...]) -> dict[str, Seen]:
    """In a process of its own, which torch's changes do not outlive."""
    own = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "LD_LIBRARY_PATH": str(LIBRARIES),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DEACTIVATE_ASYNC_LOAD": "1",  # a dispatch mode is of one thread
    }
    done = subprocess.run(
        [sys.executable, "-m", "simulated_card.visit", str(guard), *names],
        env={**os.environ, **own},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Seen] = json.loads(done.stdout)
    return seen


@pytest.fixture(scope="session")
def visits(guard: Path) -> dict[str, Seen]:
    """What was seen, by the configuration's name."""
    with ThreadPoolExecutor(len(CONFIGURATIONS)) as pool:
        parts = pool.map(partial(visit, guard), CONFIGURATIONS)
        return {name: seen for part in parts for name, seen in part.items()}


@pytest.fixture(params=[name for names in CONFIGURATIONS for name in names])
def seen(visits: dict[str, Seen], request: pytest.FixtureRequest) -> Seen:
    return {"name": request.param, **visits[request.param]}


def waits(seen: dict[str, Any], part: str) -> int:
    return sum(seen[part]["waits"].values())


def test_the_whole_job_is_done_where_it_was_asked_for(seen):
    assert seen["device"] == ("cuda:1" if seen["name"] == "second card" else "cuda:0")


def test_the_vae_has_the_precision_that_the_card_has(seen):
    lacks_bfloat16 = seen["name"] == "no bfloat16"
    assert seen["vae"] == ("torch.float32" if lacks_bfloat16 else "torch.bfloat16")


def test_the_host_waits_for_no_step_and_seldom_else(seen):
    assert seen["denoise"]["waits"] == {}
    assert waits(seen, "prepare") == 3  # one for each sample's scheduler
    assert waits(seen, "decode") == 2  # whether it is finite, and the pixels
    assert waits(seen, "preview") == 2


def test_what_is_painted_there_is_what_was_asked_for(visits):
    assert visits["resident"]["said"] == "a red house by the sea"


def test_where_memory_is_short_batches_shrink_and_all_succeed(visits):
    outcome = visits["resident"]["short of memory"]
    assert outcome["statuses"] == ["succeeded"] * 4
    assert outcome["limit"] < 4


def test_a_planted_wait_is_seen(visits):
    planted = visits["resident"]["planted"]["wait"]
    assert planted["waits"] == {"item in job.py:waits": 3}
    assert planted["errors"] == []


def test_planted_rows_that_left_the_card_are_refused(visits):
    errors = visits["resident"]["planted"]["leave"]["errors"]
    assert len(errors) == 3
    for error in errors:
        assert "found at least two devices, cuda:0 and cpu!" in error


def test_a_planted_hoard_is_seen(visits):
    planted = visits["resident"]["planted"]
    assert planted["hoard"]["errors"] == []
    assert planted["hoard"]["allocations"] == planted["none"]["allocations"] + 3 * 2
