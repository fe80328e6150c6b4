"""A server on a CPU has one pool of OpenMP's, the generator's.

A pool stays with each thread that ever computed. With two, libgomp counts more threads than there
are cores, and each barrier of each goes to sleep: a burst of eight images took longer,
since the main thread had made a scheduler once.
"""

import os
import sys
import time
from pathlib import Path

import pytest

from models_cache.runtime.device import usable_cores
from scripts.benchmarks import client
from scripts.benchmarks.server_process import serving

pytestmark = [
    pytest.mark.demo,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc"),
    pytest.mark.skipif(usable_cores() < 2, reason="one core has no pools"),
]

PICTURE = Path("webapp/static/examples/a-red-house-by-the-sea.png").read_bytes()


def test_of_all_threads_one_has_a_pool(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # it reads OpenMP's variable too
    alone, by_two = threads(monkeypatch, 1), threads(monkeypatch, 2)
    assert by_two == alone + 2  # one of OpenMP's, and one of a pool that torch has besides


def threads(monkeypatch: pytest.MonkeyPatch, a_pool: int) -> int:
    """How many a server has after its first image, if a pool has so many."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(a_pool))
    with serving(["--models", "demo", "--device", "cpu"]) as server:
        client.wait_until_ready(server.page_port)
        client.similar_image(server.page_port, PICTURE, {"num_inference_steps": 1})
        return min(count(server.pid) for _ in range(15))


def count(pid: int) -> int:
    """Takes a while: a thread that ends is counted for a moment longer."""
    time.sleep(0.1)
    return len(os.listdir(f"/proc/{pid}/task"))
