"""Devices are named as torch names them, and threads are no more than cores."""

import os
from contextlib import nullcontext

import pytest
import torch
from checkpoints import unchecked

from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.runtime.device import OutOfMemory, dtype_on, on_device, pick_device, vae_dtype
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


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)]
)
def test_a_vae_that_overflows_in_fp16_is_bf16_where_the_gpu_has_that(
    monkeypatch, tmp_path, capability, dtype
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    (tmp_path / "vae").mkdir()
    config = tmp_path / "vae" / "config.json"
    checkpoint = unchecked(tmp_path, Family.SDXL)
    config.write_text('{"force_upcast": true}')
    assert vae_dtype(checkpoint, torch.device("cuda")) is dtype
    config.write_text('{"force_upcast": false}')
    assert vae_dtype(checkpoint, torch.device("cuda")) is torch.float16
    assert vae_dtype(checkpoint, torch.device("cpu")) is torch.float32


def test_precision_is_half_on_a_gpu_alone():
    assert dtype_on(torch.device("cuda")) is torch.float16
    assert dtype_on(torch.device("cpu")) is torch.float32


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
