"""The peer of the benchmark paints what the pipeline does, and sleeps while ours works."""

import time
from functools import partial
from pathlib import Path

import pytest
import torch

from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement
from scripts.benchmarks import client
from scripts.benchmarks.arguments import QUICK
from scripts.benchmarks.arrivals import send_all
from scripts.benchmarks.images import pixel_difference
from scripts.benchmarks.models import write_missing
from scripts.benchmarks.painting import draw_requests, paint
from scripts.benchmarks.peer_process import serving_peer
from scripts.benchmarks.peers import is_installed, mix
from scripts.benchmarks.programs.loading import opened
from scripts.benchmarks.programs.phases import ProgramFailed

pytestmark = [
    pytest.mark.peers,
    pytest.mark.tiny,
    pytest.mark.slow,
    pytest.mark.skipif(not is_installed(), reason="requirements-peers.txt is not installed"),
]

GUIDANCE_SCALE = 5.0
SECONDS = 60  # until a process stops or goes on: nothing is measured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tiny random generator."""
    return write_missing("tiny", tmp_path_factory.mktemp("random"))["generator"]


def assert_sleeps(process: int, expected: bool) -> None:
    """A process stops some time after it is told to."""
    deadline = time.monotonic() + SECONDS
    while ("State:\tT" in Path(f"/proc/{process}/status").read_text()) is not expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no Linux")
def test_a_peer_paints_what_the_pipeline_does_and_sleeps_and_ends(folder):
    checkpoint = opened(folder, Family.SDXL, 1, GUIDANCE_SCALE)
    sdxl = SDXL.load(checkpoint, Placement(torch.device("cpu")))
    requests = mix(draw_requests(sdxl.info, QUICK, 3), (2, 3))
    with serving_peer(folder, "cpu", GUIDANCE_SCALE) as peer:
        assert_sleeps(peer.group, True)
        with peer.awake():
            assert_sleeps(peer.group, False)
            result = send_all(partial(client.predict, peer.port), requests, [0.0] * 3)
        assert_sleeps(peer.group, True)
    expected = [paint(sdxl.pipeline, [request])[0] for request in requests]
    assert pixel_difference(result.images, expected) <= 1
    assert pixel_difference(expected[:1], expected[2:]) > 5
    with pytest.raises(ConnectionRefusedError):
        client.predict(peer.port, {})


def test_a_peer_that_cannot_load_says_why(tmp_path):
    with (
        pytest.raises(ProgramFailed, match="(?s)litserve_pipeline ended with 1.*model_index.json"),
        serving_peer(tmp_path, "cpu", GUIDANCE_SCALE),
    ):
        pass
