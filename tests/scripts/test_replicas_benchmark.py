"""What the benchmark says of replicas: figures in the order of the ways, from fake servers."""

import os
from types import SimpleNamespace

import pytest
from fakes import FAKE_INFO
from PIL import Image

from scripts.benchmarks import replicas
from scripts.benchmarks.arguments import QUICK
from scripts.benchmarks.images import Painted
from scripts.benchmarks.replicas import HERE, ONE, TWO
from scripts.benchmarks.server_process import Server

# Seconds of a step, by port; each image takes another second elsewhere.
STEP_SECONDS = {1: 1.0, 2: 1.5, 3: 1.5}
CORES = {1: 2.0, 2: 0.25, 3: 0.5}


class FakeServer(SimpleNamespace):
    seconds = 0.0

    def cpu_seconds(self):
        return self.seconds


SERVERS = {way: FakeServer(api_port=port) for way, port in ((HERE, 1), (ONE, 2), (TWO, 3))}


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    def send(server, requests):
        port = server.api_port
        seconds = STEP_SECONDS[port] * requests[0].num_inference_steps + (port > 1)
        server.seconds += CORES[port] * seconds
        return Painted((seconds,) * len(requests), (Image.new("RGB", (8, 8)),) * len(requests))

    monkeypatch.setattr(replicas, "_send", send)


def test_the_seam_is_told_by_the_image_and_by_the_step():
    compared = replicas.seam(SERVERS, FAKE_INFO.request("a house"), QUICK)
    few, many, step = compared.figures
    assert few.what == "one image of 2 steps, s"
    assert few.values == {HERE: [2.0, 2.0], ONE: [4.0, 4.0]}
    assert many.values == {HERE: [4.0, 4.0], ONE: [7.0, 7.0]}
    assert step.values == {HERE: [1000.0, 1000.0], ONE: [1500.0, 1500.0]}


def test_images_at_once_are_told_for_all_three():
    requests = [FAKE_INFO.request("a house", seed=seed, num_inference_steps=3) for seed in range(4)]
    compared = replicas.burst(SERVERS, requests, QUICK)
    figure, front = compared.figures
    assert figure.what == "4 at once, images/s"
    assert figure.values[HERE] == [4 / 3, 4 / 3]
    assert figure.values[TWO] == [4 / 5.5, 4 / 5.5]
    assert list(figure.values) == [HERE, ONE, TWO]
    assert front.values == {HERE: [2.0, 2.0], ONE: [0.25, 0.25], TWO: [0.5, 0.5]}


def test_a_server_tells_the_time_of_its_own_process():
    me = Server(0.0, 1, 2, os.getpid())
    before = me.cpu_seconds()
    sum(range(20_000_000))
    assert 0.1 < me.cpu_seconds() - before < 60
