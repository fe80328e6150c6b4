"""A simulated card in processes of their own, which torch's changes do not outlive."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARIES = Path(torch.__file__).parent / "lib"
INCLUDES = Path(torch.__file__).parent / "include"
SECONDS = 240


@pytest.fixture(scope="session")
def on_card(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs a module with the path of ``guard`` and more arguments; returns what it prints."""
    guard = build(tmp_path_factory.mktemp("guard") / "guard.so")

    def run(module: str, *arguments: str) -> Any:
        own = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
            "LD_LIBRARY_PATH": str(LIBRARIES),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "HF_DEACTIVATE_ASYNC_LOAD": "1",  # a dispatch mode is of one thread
        }
        done = subprocess.run(
            [sys.executable, "-m", module, str(guard), *arguments],
            env={**os.environ, **own},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def build(library: Path) -> Path:
    """The library that lets torch have such tensors."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no simulated card: neither g++ nor clang++ is installed")
    subprocess.run(
        [compiler, "-std=c++20", "-shared", "-fPIC", f"-I{INCLUDES}", f"-L{LIBRARIES}"]
        + [str(HERE / "guard.cpp"), "-lc10", "-o", str(library)],
        check=True,
        timeout=SECONDS,
    )
    return library
