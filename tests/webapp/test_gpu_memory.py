"""What the web learns of the GPU's memory."""

from types import SimpleNamespace

import pytest
import torch

from models_cache.runtime.gpu_fit import Placement
from webapp.models import ModelPair
from webapp.services import GpuMemory


def memory_on(device):
    return ModelPair({}, Placement(torch.device(device)), {}).gpu_memory()


def test_without_a_gpu_there_is_none():
    assert memory_on("cpu") is None


def test_it_is_that_of_the_models_own_gpu_and_cuda_is_not_called(monkeypatch):
    """The card of another number has other figures."""

    def called(*_):
        raise AssertionError("a call into CUDA, which could disturb a model's thread")

    properties = SimpleNamespace(total_memory=3)
    for name, value in (("memory_allocated", 1), ("memory_reserved", 2)):
        monkeypatch.setattr(torch.cuda, name, {torch.device("cuda:1"): value}.__getitem__)
    by_device = {torch.device("cuda:1"): properties}
    monkeypatch.setattr(torch.cuda, "get_device_properties", by_device.__getitem__)
    for name in ("mem_get_info", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, called)
    assert memory_on("cuda:1") == GpuMemory(used=1, held=2, total=3)
    with pytest.raises(KeyError):
        memory_on("cuda:0")
