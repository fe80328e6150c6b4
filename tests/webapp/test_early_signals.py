"""SIGTERM and SIGINT while the server has not begun: it ends at once, as PID 1 too."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SECONDS = 20  # no wait in this file is longer; nothing here depends on how long it is
ROOT = Path(__file__).parents[2]
AS_PID_1 = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"]

# Instead of a library: its import takes for ever, and thinks little of exceptions.
LIBRARY = """
import os, sys, time
print(os.getpid(), flush=True)
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""


@contextlib.contextmanager
def importing(library: str, folder: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """The server, in the middle of importing ``library``."""
    (folder / f"{library}.py").write_text(LIBRARY)
    environ = os.environ | {"PYTHONPATH": str(folder)}
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "webapp"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("library", ["flask", "torch"])
@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_during_the_imports_ends_the_server_without_a_word(
    tmp_path, library, number, code
):
    with importing(library, tmp_path) as process:
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.Signals[number])
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (code, "", "")


def test_a_reload_during_the_imports_ends_nothing(tmp_path):
    """To systemd an end by SIGHUP is a clean one: nobody would start the server anew."""
    with importing("torch", tmp_path) as process:
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 143


@pytest.mark.parametrize("library", ["flask", "torch"])
def test_sigterm_is_not_lost_on_the_first_process_of_a_container(tmp_path, library):
    if not can_be_pid_1():
        pytest.skip("this system lets nobody make a namespace of processes")
    with importing(library, tmp_path, *AS_PID_1, "--kill-child") as unshare:
        assert unshare.stdout.readline() == "1\n"
        os.kill(child_of(unshare.pid), signal.SIGTERM)
        out, err = unshare.communicate(timeout=SECONDS)
    assert (unshare.returncode, out, err) == (143, "", "")


def can_be_pid_1() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*AS_PID_1, "true"]).returncode == 0


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def test_whoever_imports_the_app_keeps_its_own_signals():
    program = "import signal; from webapp import create_app; print(signal.getsignal(15).name)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "SIG_DFL\n", done.stderr
