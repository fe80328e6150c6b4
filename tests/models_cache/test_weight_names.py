"""Which weights are opened, for a folder's files as for a repository's."""

import pytest

from models_cache.catalog import SDXL_BASE, Family
from models_cache.selection import needed
from models_cache.weight_names import (
    DIFFUSERS_WEIGHTS,
    TRANSFORMERS_WEIGHTS,
    is_sharded,
    shards,
    variant,
)

SINGLE = ["model.safetensors", "diffusion_pytorch_model.safetensors"]
INDEX = ["model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json"]


@pytest.mark.parametrize(
    ("names", "half_first", "expected"),
    [
        (["model.safetensors", "model.fp16.safetensors"], True, "fp16"),
        (["model.safetensors", "model.fp16.safetensors"], False, None),
        (["model.fp16.safetensors"], False, "fp16"),
        (["model.bf16.safetensors"], True, "bf16"),
        (["model.bf16.safetensors", "model.safetensors"], True, None),
        (["model.safetensors.index.fp16.json"], True, "fp16"),
        (["model.safetensors", "model.non_ema.fp16.safetensors"], True, None),
        (["model.safetensors", "other_model.fp16.safetensors"], True, None),
        ([], True, None),
    ],
)
def test_the_variant_is_told_by_exact_names(names, half_first, expected):
    assert variant(names, TRANSFORMERS_WEIGHTS, half_first) == expected


def test_beside_a_single_file_transformers_opens_no_shards_and_diffusers_does():
    names = SINGLE + INDEX
    assert not is_sharded(names, TRANSFORMERS_WEIGHTS, None)
    assert is_sharded(names, DIFFUSERS_WEIGHTS, None)
    assert is_sharded(INDEX, TRANSFORMERS_WEIGHTS, None)


def test_shards_are_those_of_the_variant():
    plain = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    half = ["model-00001-of-00001.fp16.safetensors"]
    assert shards(plain + half, TRANSFORMERS_WEIGHTS, None) == plain
    assert shards(plain + half, TRANSFORMERS_WEIGHTS, "fp16") == half


def test_nothing_is_fetched_twice_where_a_single_file_stands_beside_shards():
    single, index = "unet/diffusion_pytorch_model.safetensors", f"unet/{INDEX[1]}"
    shard = "unet/diffusion_pytorch_model-00001-of-00001.safetensors"
    plain = [file.path.replace(".fp16", "") for file in SDXL_BASE.files]
    chosen = needed([*plain, index, shard], Family.SDXL)
    assert shard in chosen
    assert single not in chosen
    encoder = "text_encoder/model-00001-of-00001.safetensors"
    chosen = needed([*plain, encoder, f"text_encoder/{INDEX[0]}"], Family.SDXL)
    assert encoder not in chosen


def test_a_plain_unet_beside_half_encoders_is_whole():
    mixed = [
        path.replace(".fp16", "") if path.startswith(("unet/", "vae/")) else path
        for path in (file.path for file in SDXL_BASE.files)
    ]
    assert sorted(needed(mixed, Family.SDXL)) == sorted(mixed)
