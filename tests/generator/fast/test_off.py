"""The plain forward for a while, or for good, and what graphs know of weights that moved."""

import pytest
import torch
from torch import nn

from generator.fast.candidate import ChannelsLast, Forward
from generator.fast.graphs import Graphs
from generator.fast.path import FastPath


class Addresses:
    """In place of a capture: notes where the weights lay, and fails if a replay finds them gone."""

    def __init__(self, network):
        self.network = network

    def here(self):
        return [each.data_ptr() for each in self.network.parameters()]

    def __call__(self, call):
        captured, result = self.here(), call()

        def replay():
            assert self.here() == captured, "a graph reads where weights were"

        return replay, result


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Conv2d(4, 8, 3)


@pytest.fixture
def path(network):
    path = FastPath()
    for candidate in (
        ChannelsLast("network", network),
        Graphs("network", network, Addresses(network)),
    ):
        candidate.turn_on()
        path._on.append(candidate)
    return path


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def ask(network, times=3):
    for _ in range(times):
        network(torch.ones(1, 4, 8, 8))


def test_inside_off_the_own_forward_is_called_and_after_it_the_graphs_are_right(path, network):
    ask(network)
    names, plain = path.name, type(network).forward
    with path.off(Forward):
        assert network.forward.__func__ is plain
        assert path.name == "network in channels_last"
    assert path.name == names
    ask(network)


def test_an_image_that_is_nan_by_either_path_leaves_graphs_that_are_right(path, network):
    ask(network)
    assert path.call(lambda: torch.tensor([[torch.nan]])).isnan()
    assert path.name.startswith("network in channels_last, CUDA graphs")
    ask(network)
