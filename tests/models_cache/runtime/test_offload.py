"""Offloaded weights come in while they are used, and leave without being copied back.

torch's meta device stands for the GPU: what is there has no values, and is plainly not here.
"""

import pytest
import torch
from torch import nn

from models_cache.runtime import offload
from models_cache.runtime.offload import Offload

ELSEWHERE = torch.device("meta")


@pytest.fixture
def modules() -> list[nn.Module]:
    first, second = nn.Linear(4, 4), nn.BatchNorm1d(4)
    second.tied = first.weight
    return [first, second]


def places(modules: list[nn.Module]) -> set[str]:
    tensors = [t for module in modules for t in (*module.parameters(), *module.buffers())]
    return {tensor.device.type for tensor in tensors}


def test_weights_are_on_the_device_inside_and_at_home_outside(modules):
    offloaded = Offload(modules, ELSEWHERE)
    for _ in range(2):
        assert places(modules) == {"cpu"}
        with offloaded:
            assert places(modules) == {"meta"}
    assert places(modules) == {"cpu"}


def test_they_leave_whatever_happens(modules):
    offloaded = Offload(modules, ELSEWHERE)
    with pytest.raises(RuntimeError, match="in the middle"), offloaded:
        raise RuntimeError("in the middle")
    assert places(modules) == {"cpu"}


def test_where_they_do_not_all_find_room_none_stays(modules, monkeypatch):
    offloaded, moved = Offload(modules, ELSEWHERE), []

    def move(host, device):
        moved.append(host)
        if len(moved) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return nn.Parameter(host.data.to(device), requires_grad=False)

    with monkeypatch.context() as patch:
        patch.setattr(offload, "_like", move)
        with pytest.raises(torch.OutOfMemoryError), offloaded:
            pass
    assert places(modules) == {"cpu"}
    with offloaded:
        assert places(modules) == {"meta"}


def test_nothing_is_copied_back(modules):
    before = modules[0].weight.detach().clone()
    offloaded = Offload(modules, ELSEWHERE)
    home = modules[0].weight.data_ptr()
    with offloaded:
        pass
    assert modules[0].weight.data_ptr() == home
    assert torch.equal(modules[0].weight, before)


def test_shared_weights_stay_shared(modules):
    with Offload(modules, ELSEWHERE):
        assert modules[0].weight is modules[1].tied


def test_what_cannot_be_pinned_stays_as_it_is_and_is_said_once(modules, monkeypatch, caplog):
    """As where WSL bounds such memory."""
    pinned = []

    def pin(data):
        if len(pinned) == 2:
            raise RuntimeError("CUDA error: out of memory")
        pinned.append(data)
        return data.clone()

    before = [tensor.clone() for module in modules for tensor in module.parameters()]
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    with caplog.at_level("WARNING"):
        Offload(modules, torch.device("cuda"))
    assert len(pinned) == 2
    assert [each.message for each in caplog.records] == [offload.UNPINNED]
    after = [tensor for module in modules for tensor in module.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
