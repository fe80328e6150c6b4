"""The number format of the weights: what each device computes in, and what is refused."""

import pytest
import torch
from checkpoints import local, unchecked
from PIL import Image
from tiny import tiny_blip, tiny_pipeline

from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.sdxl import SDXL
from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.flags import Memory, Precision
from models_cache.runtime.device import choose_dtype, dtype_on, vae_dtype
from models_cache.runtime.gpu_fit import STEP_BYTES_PER_PIXEL, Needs, Placement, place

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def bfloat16_cpu(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)


@pytest.fixture
def plain_cpu(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)


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


def test_a_vae_beside_others_in_fp32_or_bf16_is_as_they_are(tmp_path):
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text('{"force_upcast": true}')
    checkpoint = unchecked(tmp_path, Family.SDXL)
    for dtype in (torch.float32, torch.bfloat16):
        assert vae_dtype(checkpoint, CUDA, dtype) is dtype
        assert vae_dtype(checkpoint, CPU, dtype) is dtype


def test_precision_is_half_on_a_gpu_alone():
    assert dtype_on(CUDA) is torch.float16
    assert dtype_on(CPU) is torch.float32
    assert choose_dtype(Precision.AUTO, CUDA, is_demo=False) is torch.float16


@pytest.mark.usefixtures("bfloat16_cpu")
def test_the_full_models_are_bf16_on_a_cpu_that_computes_in_it_and_the_demo_ones_are_not():
    assert choose_dtype(Precision.AUTO, CPU, is_demo=False) is torch.bfloat16
    assert choose_dtype(Precision.AUTO, CPU, is_demo=True) is torch.float32


@pytest.mark.usefixtures("plain_cpu")
def test_a_cpu_that_imitates_bf16_computes_in_fp32_unless_it_is_told():
    assert choose_dtype(Precision.AUTO, CPU, is_demo=False) is torch.float32
    assert choose_dtype(Precision.BF16, CPU, is_demo=False) is torch.bfloat16


def test_without_its_capabilities_told_a_cpu_computes_in_fp32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_dtype(Precision.AUTO, CPU, is_demo=False) is torch.float32


def test_what_the_device_cannot_compute_in_is_refused(monkeypatch):
    with pytest.raises(CannotStart, match="--dtype fp16 is for CUDA devices"):
        choose_dtype(Precision.FP16, CPU, is_demo=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(CannotStart, match="bf16 needs a GPU of compute capability 8.0"):
        choose_dtype(Precision.BF16, CUDA, is_demo=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    assert choose_dtype(Precision.BF16, CUDA, is_demo=False) is torch.bfloat16


@pytest.mark.tiny
def test_both_models_work_in_bf16_on_a_cpu(tmp_path):
    tiny_pipeline(tmp_path / "tokenizers").save_pretrained(tmp_path / "sdxl")
    blip, processor = tiny_blip(tmp_path / "vocabulary")
    blip.save_pretrained(tmp_path / "blip")
    processor.save_pretrained(tmp_path / "blip")
    painter, captioner = (
        local(tmp_path / "sdxl", Family.SDXL),
        local(tmp_path / "blip", Family.BLIP),
    )
    placement = place(Memory.AUTO, [painter, captioner], CPU, Precision.BF16)
    sdxl = SDXL.load(painter, placement)
    parts = (sdxl.pipeline.unet, sdxl.pipeline.vae, sdxl.pipeline.text_encoder)
    assert {part.dtype for part in parts} == {torch.bfloat16}
    sdxl.warm_up()
    [sample] = sdxl.prepare([sdxl.info.request("a house", num_inference_steps=2, seed=1)])
    while not sample.is_denoised:
        assert sdxl.denoise([sample]) == {}
    assert sdxl.preview(sample) is not None
    assert sdxl.decode([sample])[0].size == (sample.request.width, sample.request.height)
    loaded = Blip.load(captioner, placement)
    assert loaded.model.dtype is torch.bfloat16
    [caption] = loaded.caption_batch([CaptionRequest(Image.new("RGB", (32, 32)), max_new_tokens=3)])
    assert isinstance(caption, str)


@pytest.mark.tiny
def test_twice_as_many_bytes_a_number_need_twice_the_memory(tmp_path):
    tiny_pipeline(tmp_path / "tokenizers").save_pretrained(tmp_path / "sdxl")
    painter = local(tmp_path / "sdxl", Family.SDXL)
    half, full = (Needs.of([painter], CPU, dtype) for dtype in (torch.bfloat16, torch.float32))
    assert full.stay["UNet"] == 2 * half.stay["UNet"]
    assert full.step == 2 * half.step
    side = 64
    assert half.step == STEP_BYTES_PER_PIXEL * side**2
    assert Placement(CUDA).weights_dtype is torch.float16
    assert Placement(CUDA, dtype=torch.float32).weights_dtype is torch.float32
