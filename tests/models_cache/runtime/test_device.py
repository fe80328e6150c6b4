"""Devices are named as torch names them, and threads are no more than cores."""

import os
from contextlib import nullcontext

import pytest
import torch

from models_cache.advice import CannotStart
from models_cache.runtime.cuda_graph import CAPTURING
from models_cache.runtime.device import (
    OutOfMemory,
    on_device,
    pick_device,
    use_own_stream,
)
from models_cache.runtime.model_thread import DeviceLost


def test_a_device_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(CannotStart, match="--device cuda:7: this machine has cpu"):
        pick_device("cuda:7")


def test_no_more_threads_compute_than_there_are_cores_for_this_process(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    try:
        torch.set_num_threads(2)
        assert pick_device("cpu") == torch.device("cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_stream_of_one_s_own_goes_before_others_and_a_cpu_has_none(monkeypatch):
    used = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device, priority: (device, priority))
    monkeypatch.setattr(torch.cuda, "set_stream", used.append)
    use_own_stream(torch.device("cpu"))
    assert used == []
    use_own_stream(torch.device("cuda:1"))
    assert used == [(torch.device("cuda:1"), -1)]


class Failing:
    """A model whose call raises what CUDA does."""

    device_lock = nullcontext()

    def __init__(self, words):
        self.words = words

    @on_device
    def forward(self):
        raise torch.AcceleratorError(self.words)


SICK = "CUDA error: an illegal memory access was encountered"


def test_a_device_that_answers_no_more_is_lost(monkeypatch):
    def synchronize():
        raise torch.AcceleratorError(SICK)

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    with pytest.raises(DeviceLost, match="illegal memory access"):
        Failing(SICK).forward()


def test_an_error_after_which_the_device_still_answers_is_one_request_s(monkeypatch):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    with pytest.raises(torch.AcceleratorError, match="invalid argument"):
        Failing("CUDA error: invalid argument").forward()
    with pytest.raises(OutOfMemory):
        Failing("CUDA error: out of memory").forward()


def test_whether_the_device_answers_is_not_asked_during_a_capture(monkeypatch):
    """It would end the capture of the other model, and fail for that alone."""
    asked, captures = [], CAPTURING
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: asked.append(captures.locked()))
    with pytest.raises(torch.AcceleratorError):
        Failing("CUDA error: invalid argument").forward()
    assert asked == [True]
    assert not captures.locked()
