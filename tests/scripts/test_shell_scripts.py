"""The scripts, wherever the user stands and however they are called."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    file for file in (ROOT / "scripts").iterdir() if file.is_file() and os.access(file, os.X_OK)
)
# Stands for Python: says where it runs, what it would find, and what it was told.
PYTHON = '#!/bin/sh\nprintf "%s\\n" "$PWD" "$PYTHONPATH" "$PYTHONSAFEPATH" "$@"\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Our scripts, and an environment in which nothing has to be installed."""
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    for file in SCRIPTS:
        shutil.copy(file, root / "scripts")
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    for name in ("cuda", "dev", "heif", "peers", "ray"):
        (root / f"requirements-{name}.txt").write_text(name)
        shutil.copy(
            root / f"requirements-{name}.txt", root / ".venv" / f"installed-requirements-{name}.txt"
        )
    return root


def run(script: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env={**environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "name", ["serve", "benchmark", "download_models", "random_checkpoint", "gpu_report"]
)
def test_paths_are_taken_from_where_the_user_stands(clone, tmp_path, name):
    done = run(clone / "scripts" / name, "--output", "./here", cwd=tmp_path)
    folder, found, is_safe, *told = done.stdout.splitlines()
    assert (folder, found, is_safe) == (str(tmp_path), str(clone), "1")
    assert told[-2:] == ["--output", "./here"]


def test_a_link_to_a_script_is_the_script(clone, tmp_path):
    link = tmp_path / "bin" / "lookalike"
    link.parent.mkdir()
    link.symlink_to(Path("..", "a clone", "scripts", "serve"))
    done = run(link, "--port", "1", cwd=tmp_path)
    assert done.stdout.splitlines()[1:] == [str(clone), "1", "-m", "webapp", "--port", "1"]


def test_what_the_user_has_on_the_path_of_python_stays_behind_ours(clone, tmp_path):
    done = run(clone / "scripts" / "serve", cwd=tmp_path, PYTHONPATH="/theirs")
    assert done.stdout.splitlines()[1] == f"{clone}:/theirs"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_plain_sh_with_the_line_ends_of_unix(script):
    assert b"\r" not in script.read_bytes()
    assert subprocess.run(["sh", "-n", str(script)], capture_output=True).returncode == 0


def python_says(path: Path, word: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {word} "$@"\n')
    path.chmod(0o755)
    return path


def test_the_gpu_report_runs_in_the_python_that_is_there_and_installs_nothing(clone, tmp_path):
    (clone / ".venv" / "installed-requirements-cuda.txt").unlink()
    report, path = clone / "scripts" / "gpu_report", f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    python_says(tmp_path / "bin" / "python3", "of the system")
    named = python_says(tmp_path / "named", "named")
    python_says(clone / ".venv" / "bin" / "python", "of the clone")
    ended = " -m scripts.gpu_report --minutes 3\n"

    def says(**variables: str) -> str:
        return run(report, "--minutes", "3", cwd=tmp_path, PATH=path, **variables).stdout

    assert says(PYTHON="") == f"of the clone{ended}"
    assert says(PYTHON=str(named)) == f"named{ended}"
    shutil.rmtree(clone / ".venv")
    assert says(PYTHON="") == f"of the system{ended}"
    assert not (clone / ".venv").exists()


def test_a_start_leaves_compiling_to_python_and_an_installation_for_others_makes_up_for_it(
    clone, tmp_path
):
    """Where Python writes nothing it would compile at each start, so pip does it there."""
    installed = clone / ".venv" / "installed-requirements-cuda.txt"

    def told(name: str, *arguments: str, **variables: str) -> list[str]:
        installed.unlink()
        done = run(clone / "scripts" / name, *arguments, cwd=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    eager = {"PYTHONDONTWRITEBYTECODE": "1"}
    lazy = {"PYTHONDONTWRITEBYTECODE": ""}
    assert not {"--no-compile", "compileall"} & set(told("serve", **eager))
    assert "--no-compile" in told("serve", **lazy)
    assert "compileall" in told("venv", "requirements-cuda.txt", **lazy)
    assert not {"--no-compile", "compileall"} & set(told("venv", "requirements-cuda.txt", **lazy))


# Stands for the system's Python: makes a .venv as PYTHON is, or cannot.
SYSTEM = """#!/bin/sh
case $* in
    *"-m venv"*)
        [ "$CANNOT" != venv ] && rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
        ;;
    *ensurepip*) [ "$CANNOT" != ensurepip ] ;;
    "-m pip"*) shift 2; echo pip "$@" ;;
esac
"""


@pytest.fixture
def system(clone, tmp_path) -> str:
    """A PATH on which it is found. The clone has no .venv."""
    shutil.rmtree(clone / ".venv")
    path = tmp_path / "bin" / "python3"
    path.parent.mkdir()
    path.write_text(SYSTEM)
    path.chmod(0o755)
    return f"{path.parent}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("what", "advice"),
    [("ensurepip", "(Debian: python3-venv)"), ("venv", "let this user write there, and make room")],
)
def test_why_there_is_no_environment_is_said(clone, system, what, advice):
    done = run(clone / "scripts" / "serve", cwd=clone, PATH=system, CANNOT=what)
    assert done.returncode == 2
    assert advice in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(("has", "is_kept"), [("python3.99", True), ("python3.98", False)])
def test_an_environment_of_another_python_is_made_anew(clone, system, tmp_path, has, is_kept):
    """As after an upgrade of the system: what was installed is not found any more."""
    python = tmp_path / "bin" / "python3.99"
    shutil.copy(tmp_path / "bin" / "python3", python)
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(python)
    (clone / ".venv" / "lib" / has).mkdir(parents=True)
    run(clone / "scripts" / "venv", "requirements-cuda.txt", cwd=clone, PATH=system)
    assert (clone / ".venv" / "bin" / "python").is_symlink() is is_kept


# Extras.


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--with", "heif", "--port", "1"], {}),
        (["--with=heif", "--port", "1"], {}),
        (["--port", "1", "--with", "heif"], {}),
        (["--port", "1"], {"LOOKALIKE_WITH": "heif"}),
        (["--port", "1", "--with", "heif,ray"], {}),
        (["--with", "heif", "--port", "1", "--with", "ray"], {}),
        (["--with=heif", "--with=ray", "--port", "1"], {}),
    ],
)
def test_an_extra_is_installed_and_python_hears_nothing_of_it(
    clone, tmp_path, arguments, variables
):
    missing = clone / ".venv" / "installed-requirements-heif.txt"
    missing.unlink()
    done = run(clone / "scripts" / "serve", *arguments, cwd=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-4:] == ["-m", "webapp", "--port", "1"]
    assert missing.read_text() == "heif"


def test_extras_are_installed_before_what_all_need(clone, tmp_path):
    """One of them is another build of torch, which is then there already."""
    for name in ("cuda", "heif"):
        (clone / ".venv" / f"installed-requirements-{name}.txt").unlink()
    done = run(clone / "scripts" / "serve", "--with", "heif", cwd=tmp_path)
    assert re.findall(r"what requirements-(\w+)", done.stderr) == ["heif", "cuda"]


@pytest.mark.parametrize("word", ["rar", "cuda", "dev", "peers", "heif,rar", "../x", ""])
def test_an_unknown_extra_is_refused_and_the_known_ones_are_named(clone, tmp_path, word):
    done = run(
        clone / "scripts" / "serve", *(["--with", word] if word else ["--with"]), cwd=tmp_path
    )
    assert done.returncode == 2
    assert "scripts/serve: --with takes one or more of: heif ray (not " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "installs"),
    [
        (["--only", "peers"], True),
        (["--quick", "--only=peers", "--json", "x"], True),
        (["--only", "http"], False),
        (["--json", "peers"], False),
        ([], False),
    ],
)
def test_the_benchmark_installs_the_peer_that_it_is_told_to_measure(
    clone, tmp_path, arguments, installs
):
    mark = clone / ".venv" / "installed-requirements-peers.txt"
    mark.unlink()
    done = run(clone / "scripts" / "benchmark", *arguments, cwd=tmp_path)
    told = ["-m", "scripts.benchmarks", *arguments]
    assert done.stdout.splitlines()[-len(told) :] == told
    assert mark.exists() is installs


# A clone for Windows.


def test_a_clone_that_writes_line_ends_for_windows_has_ours(tmp_path):
    """Of what is committed: scripts that cannot start, and files with other digests."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "scripts", source / "scripts", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / ".gitattributes", source)
    shutil.copytree(ROOT / "models_cache" / "demo", source / "demo")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "core.autocrlf=true"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=source, check=True, capture_output=True)
    subprocess.run([*git, "clone", "-q", str(source), str(tmp_path / "clone")], check=True)
    files = [file for file in source.rglob("*") if file.is_file() and ".git" not in file.parts]
    assert len(files) > 60
    for file in files:
        assert (tmp_path / "clone" / file.relative_to(source)).read_bytes() == file.read_bytes()
