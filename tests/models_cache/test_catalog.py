from fnmatch import fnmatch

import pytest

from models_cache import catalog
from models_cache.catalog import Family


def test_sdxl_is_the_18_files_of_the_fp16_variant():
    assert len(catalog.SDXL_BASE.files) == 18
    assert catalog.SDXL_BASE.size_bytes == 6_941_187_536


def test_of_blip_the_size_of_the_weights_is_known():
    assert catalog.BLIP_LARGE.size_bytes == 1_879_014_680


def test_where_no_size_is_recorded_none_is_given():
    assert catalog.DEMO_CAPTIONER.size_bytes is None


@pytest.mark.parametrize("checkpoint", catalog.FULL, ids=lambda checkpoint: checkpoint.name)
def test_what_is_fetched_is_pinned_and_is_all_that_is_needed(checkpoint):
    assert len(checkpoint.revision) == 40
    for file in checkpoint.files:
        assert any(fnmatch(file.path, pattern) for pattern in checkpoint.include), file.path


@pytest.mark.parametrize(
    "path",
    [
        "sd_xl_base_1.0.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/model.onnx_data",
        "text_encoder/model.safetensors",
        "text_encoder_2/flax_model.msgpack",
        "vae_1_0/diffusion_pytorch_model.fp16.safetensors",
    ],
)
def test_other_weights_of_sdxl_are_not_fetched(path):
    assert not any(fnmatch(path, pattern) for pattern in catalog.SDXL_BASE.include)


def test_other_weights_of_blip_are_not_fetched():
    for path in ("pytorch_model.bin", "tf_model.h5"):
        assert not any(fnmatch(path, pattern) for pattern in catalog.BLIP_LARGE.include)


def test_full_and_demo_each_hold_one_checkpoint_of_either_family():
    for checkpoints in (catalog.FULL, catalog.DEMO):
        assert {checkpoint.family for checkpoint in checkpoints} == set(Family)
    assert all(checkpoint.is_demo for checkpoint in catalog.DEMO)
    assert not any(checkpoint.is_demo for checkpoint in catalog.FULL)
