"""Every program of ours prepares its environment before the first import that reads it."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from models_cache import environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

# Reads a module without running it, and prints the environment once it imports what reads it.
READ = """
import json, os, runpy, sys

def tell(**more):
    print(json.dumps({**os.environ, **more}), flush=True)
    os._exit(0)

def watch(event, arguments):
    if event == "import" and arguments[0] in ("torch", "huggingface_hub", "transformers"):
        tell()

sys.addaudithook(watch)
runpy.run_module(sys.argv[1], run_name="read")
tell(READ_BY_NONE="1")
"""


def programs() -> list[str]:
    """Whatever ``python -m`` can run, and what tests run under."""
    found = [ROOT / "tests" / "conftest.py"]
    packages = ("captioner", "generator", "models_cache", "scripts", "webapp")
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            is_program = '__name__ == "__main__"' in file.read_text("utf-8")
            found += [file] if is_program or file.name == "__main__.py" else []
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in found]


def read(program: str, **variables: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", READ, program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    environ: dict[str, str] = json.loads(done.stdout)
    return environ


def test_all_programs_are_found():
    assert {"webapp.__main__", "scripts.demo_models.evaluate"} <= set(programs())
    assert len(programs()) >= 12


@pytest.mark.parametrize("program", programs())
def test_the_environment_is_prepared_before_it_is_read(program):
    environ = read(program)
    if program == "webapp.invite":  # which makes a link, and loads nothing that reads it
        assert "READ_BY_NONE" in environ
        return
    defaults = [*environment.QUIET, *environment.OPENMP, *environment.OFFLINE]
    defaults += environment.cuda_memory(platform.release())
    expected = {name: value for name, value, _ in defaults}
    if program in ("models_cache.__main__", "tests.conftest"):  # they go to a hub
        del expected["HF_HUB_OFFLINE"]
        assert "HF_HUB_OFFLINE" not in environ
    assert expected.items() <= environ.items()


@pytest.mark.parametrize("variable", ["GOMP_SPINCOUNT", "HF_HUB_OFFLINE", "PYTORCH_ALLOC_CONF"])
def test_what_the_user_has_set_is_left(variable):
    assert read("webapp.__main__", **{variable: "0"})[variable] == "0"


def test_a_user_who_chose_how_openmp_waits_is_not_overruled():
    """GOMP_SPINCOUNT would go before OMP_WAIT_POLICY."""
    environ = read("webapp.__main__", OMP_WAIT_POLICY="PASSIVE")
    assert not {"GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(environ)


def test_a_user_who_configured_cuda_s_memory_by_its_older_name_is_not_overruled():
    environ = read("webapp.__main__", PYTORCH_CUDA_ALLOC_CONF="max_split_size_mb:128")
    assert "PYTORCH_ALLOC_CONF" not in environ


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ("6.8.0-45-generic", ["PYTORCH_ALLOC_CONF"]),
        ("5.15.167.4-microsoft-standard-WSL2", []),
        ("4.4.0-19041-Microsoft", []),
        ("5.15.148-tegra", []),
    ],
)
def test_cuda_s_memory_grows_in_segments_where_the_system_can(kernel, expected):
    assert [name for name, _, _ in environment.cuda_memory(kernel)] == expected


@pytest.mark.skipif(sys.platform != "linux", reason="LLVM's OpenMP tells it otherwise")
def test_openmp_has_read_it_by_the_time_torch_is_there():
    prepared = "from models_cache import environment; environment.prepare(); import torch"
    done = subprocess.run(
        [sys.executable, "-c", prepared],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "GOMP_SPINCOUNT = '10000'" in done.stderr


def test_glibc_is_asked_for_what_it_frees_and_any_other_left_alone():
    asked = []
    glibc = SimpleNamespace(mallopt=lambda *arguments: asked.append(arguments))
    environment.give_back_large_blocks(glibc)
    assert asked == [(-3, 33_554_432), (-1, 67_108_864), (-8, 2)]
    environment.give_back_large_blocks(SimpleNamespace())
