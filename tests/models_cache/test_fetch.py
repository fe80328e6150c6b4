"""A download in a child process ends with the program that started it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoints import write_blip

SECONDS = 20  # no wait in this file is longer; nothing here depends on how long it is
ROOT = Path(__file__).parents[2]

PROGRAM = """
import os, signal, sys
from pathlib import Path
from models_cache.catalog import Checkpoint, Family
from models_cache.choose import fetch_in_child
from models_cache.store import Store

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
checkpoint = Checkpoint("org/blip", Family.BLIP, repository="org/blip")
os.environ["PYTHONPATH"] = sys.argv[2]
fetch_in_child([checkpoint], Store(Path(sys.argv[1])))
"""


class Stall:
    """A hub that lets its client wait for a file."""

    where, times = "model.safetensors", 1

    def __init__(self):
        self.reached, self.released = threading.Event(), threading.Event()

    def takes(self, request):
        return self.where in request

    def spoil(self, handler, *_):
        self.reached.set()
        self.released.wait(SECONDS)
        handler.close_connection = True


@pytest.fixture
def stall(hub, tmp_path) -> Iterator[Stall]:
    hub.publish("org/blip", write_blip(tmp_path / "blip"))
    stall = Stall()
    hub.faults.append(stall)
    yield stall
    stall.released.set()


@contextlib.contextmanager
def fetching(hub, store, path="") -> Iterator[subprocess.Popen[str]]:
    """A program that fetches; its download has its stderr too, and a PYTHONPATH."""
    environ = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(store.user_cache)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store.folder), str(path)],
        cwd=ROOT,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_a_download_ends_with_its_program_however_that_ends(hub, store, stall, number):
    with fetching(hub, store) as process:
        assert stall.reached.wait(SECONDS)
        process.send_signal(signal.Signals[number])
        _, told = process.communicate(timeout=SECONDS / 2)  # until both have closed it
        assert "Traceback" not in told


# Instead of the library that the download imports first.
LIBRARY = """
import os, sys, time
print("importing", file=sys.stderr, flush=True)
time.sleep(1)
os._exit(0)
"""


@pytest.mark.slow
def test_ctrl_c_ends_both_and_the_download_says_nothing(hub, store, tmp_path):
    (tmp_path / "huggingface_hub.py").write_text(LIBRARY)
    with fetching(hub, store, tmp_path) as process:
        assert process.stderr.readline() == "importing\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all in the foreground
        _, told = process.communicate(timeout=SECONDS / 2)
    assert told.count("Traceback") == 1, "there is more than that of the program itself"
