"""What else keeps the cores busy slows an image down by its share, and no more.

Threads that spin without end kept one another from running: an image in a hundred took 70 times as
long, which a median hides.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import torch

from generator.engine import Engine
from generator.sdxl import SDXL
from models_cache.catalog import DEMO_GENERATOR
from models_cache.runtime.device import pick_device, usable_cores
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store

pytestmark = [pytest.mark.demo, pytest.mark.slow]


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """One process for each core that is ours, once they run."""
    command = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(usable_cores())]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()
        yield
    finally:
        for other in others:
            other.kill()
            other.communicate()


def seconds(engine: Engine, sdxl: SDXL, seed: int) -> float:
    started = time.perf_counter()
    job = engine.submit(sdxl.info.request("a red house by the sea", seed=seed))
    while not job.is_finished:
        engine.step()
    return time.perf_counter() - started


def slowdown(engine: Engine, sdxl: SDXL) -> float:
    """The worst of ten images beside busy cores, over the median of ten without."""
    quiet = statistics.median(seconds(engine, sdxl, seed) for seed in range(10))
    with busy_cores():
        return max(seconds(engine, sdxl, seed) for seed in range(10)) / quiet


def test_the_worst_of_ten_images_beside_busy_cores_takes_six_times_a_quiet_one_at_most():
    threads = torch.get_num_threads()
    device = pick_device("cpu")
    sdxl = SDXL.load(Store().locate(DEMO_GENERATOR), Placement(device))
    engine = Engine(sdxl)
    try:
        seconds(engine, sdxl, 0)
        # What others do on this machine meanwhile is not ours to answer for.
        assert any(slowdown(engine, sdxl) <= 6 for _ in range(3))
    finally:
        torch.set_num_threads(threads)
