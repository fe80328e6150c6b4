"""Placement: counted in the files of the demo models, which have the published layout."""

from pathlib import Path

import pytest
import torch
from checkpoints import local

from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.flags import Memory
from models_cache.runtime import gpu_fit
from models_cache.runtime.gpu_fit import Needs, Placement, place

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
DEMO = Path("models_cache/demo").resolve()
CAPTIONER = local(DEMO / "captioner", Family.BLIP)
GENERATOR = local(DEMO / "generator", Family.SDXL)


@pytest.fixture
def gpu(monkeypatch):
    """A GPU as far as arithmetic goes: the function sets how many bytes are free."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))

    def frees(count: int) -> None:
        monkeypatch.setattr(gpu_fit, "free_bytes", lambda device: count)

    return frees


def weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def test_weights_are_counted_in_half_precision_as_the_files_hold_them(gpu):
    both = Needs.of([CAPTIONER, GENERATOR], CUDA)
    counted = sum(both.stay.values()) + sum(both.come.values())
    on_disk = weights_bytes(CAPTIONER.folder) + weights_bytes(GENERATOR.folder)
    assert 0.97 * on_disk < counted < on_disk
    assert set(both.stay) == {"UNet", "VAE"}
    assert set(both.come) == {"captioner", "text encoders"}


def test_a_vae_that_must_not_be_half_counts_double_where_there_is_no_bf16(gpu, monkeypatch):
    with_bf16 = Needs.of([GENERATOR], CUDA).stay["VAE"]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert Needs.of([GENERATOR], CUDA).stay["VAE"] == 2 * with_bf16


def test_one_alone_needs_nothing_of_the_other(gpu):
    assert set(Needs.of([CAPTIONER], CUDA).come) == {"captioner"}
    assert set(Needs.of([GENERATOR], CUDA).come) == {"text encoders"}


def test_a_roomy_gpu_keeps_everything_and_a_small_one_takes_turns(gpu, capsys):
    gpu(20 * 10**9)
    assert place(Memory.AUTO, [CAPTIONER, GENERATOR], CUDA) == Placement(
        CUDA, None, 4, torch.float16
    )
    assert "Memory: resident. UNet" in capsys.readouterr().err
    gpu(10**8)
    small = place(Memory.AUTO, [CAPTIONER, GENERATOR], CUDA)
    assert small.device_lock is not None
    assert small.max_batch_size == 1
    assert "Memory: offload." in capsys.readouterr().err


def test_a_cpu_has_no_choice(capsys):
    assert place(Memory.AUTO, [CAPTIONER, GENERATOR], CPU) == Placement(CPU, None, 8, torch.float32)
    assert place(Memory.RESIDENT, [CAPTIONER, GENERATOR], CPU) == Placement(
        CPU, None, 8, torch.float32
    )
    with pytest.raises(CannotStart, match="--memory offload is for CUDA devices"):
        place(Memory.OFFLOAD, [CAPTIONER, GENERATOR], CPU)
    assert capsys.readouterr().err == ""


def test_a_gpu_that_does_not_answer_is_said_to_be_in_use(monkeypatch):
    def busy(device):
        raise torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy\nfor debugging")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(gpu_fit, "free_bytes", busy)
    with pytest.raises(CannotStart, match="cuda does not answer: .*are busy. Look with nvidia-smi"):
        place(Memory.AUTO, [CAPTIONER], CUDA)
