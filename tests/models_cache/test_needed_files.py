"""Which files are opened, told by names: for a folder's files as for a repository's."""

import re

import pytest

from models_cache.catalog import SDXL_BASE, Family
from models_cache.needed_files import needed_files

BLIP = ["config.json", "preprocessor_config.json", "vocab.txt", "model.safetensors"]
SDXL = [file.path for file in SDXL_BASE.files]
PLAIN = [path.replace(".fp16", "") for path in SDXL]
BOTH = [*SDXL, *(path for path in PLAIN if path not in SDXL)]
SINGLE = "unet/diffusion_pytorch_model.safetensors"
INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"
SHARDS = ["diffusion_pytorch_model-00001-of-00002.safetensors", "the-rest.safetensors"]


def no_index(path):
    raise AssertionError(f"{path} was read")


def needed(paths, family, shards_in=no_index):
    found = needed_files(paths, family, shards_in)
    assert found.missing == ()
    return sorted(found.paths)


def variants(paths, family):
    return needed_files(paths, family, lambda index: ["a shard"]).variants


def test_formats_and_copies_that_are_not_loaded_are_left_out():
    others = ["README.md", ".gitattributes", "pytorch_model.bin", "tf_model.h5", "onnx/config.json"]
    assert needed(BLIP + others, Family.BLIP) == sorted(BLIP)
    others = [
        "sd_xl_base_1.0.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/model.onnx_data",
        "vae_1_0/config.json",
        "vae_decoder/config.json",
        "text_encoder/pytorch_model.bin",
    ]
    assert needed(SDXL + others, Family.SDXL) == sorted(SDXL)


def test_what_one_tokenizer_json_replaces_is_left_out():
    assert "vocab.txt" not in needed([*BLIP, "tokenizer.json"], Family.BLIP)
    vocabulary = ["tokenizer_2/vocab.json", "tokenizer_2/merges.txt"]
    chosen = needed([*SDXL, "tokenizer_2/tokenizer.json"], Family.SDXL)
    assert not set(vocabulary) & set(chosen)
    assert "tokenizer/vocab.json" in chosen


def test_fp16_is_taken_if_the_unet_has_it():
    assert needed(BOTH, Family.SDXL) == sorted(SDXL)
    mixed = [path for path in SDXL if not path.startswith("vae")]
    mixed += [path for path in PLAIN if path.startswith("vae")]
    assert needed(mixed, Family.SDXL) == sorted(mixed)


def test_without_it_the_plain_weights_are_taken_everywhere():
    assert needed(PLAIN, Family.SDXL) == sorted(PLAIN)
    half_vae = [path for path in SDXL if path.startswith("vae/diff")]
    assert needed(PLAIN + half_vae, Family.SDXL) == sorted(PLAIN)


def test_a_component_goes_with_the_unet_s_variant_before_any_other():
    in_bfloat = [path.replace(".fp16", ".bf16") for path in SDXL]
    assert needed([*in_bfloat, *(p for p in SDXL if "encoder" in p)], Family.SDXL) == sorted(
        in_bfloat
    )


def test_a_plain_unet_beside_half_encoders_is_whole():
    mixed = [
        path.replace(".fp16", "") if path.startswith(("unet/", "vae/")) else path for path in SDXL
    ]
    assert needed(mixed, Family.SDXL) == sorted(mixed)


@pytest.mark.parametrize("beside", ["non_ema", "non_ema.fp16", "bf16", "other"])
def test_other_variants_beside_the_plain_weights_do_not_count(beside):
    other = f"unet/diffusion_pytorch_model.{beside}.safetensors"
    assert needed([*PLAIN, other], Family.SDXL) == sorted(PLAIN)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["model.safetensors", "model.fp16.safetensors"], "fp16"),
        (["model.bf16.safetensors"], "bf16"),
        (["model.bf16.safetensors", "model.safetensors"], None),
        (["model.safetensors.index.fp16.json"], "fp16"),
        (["model.safetensors.index.json"], None),
        (["model.safetensors", "model.non_ema.fp16.safetensors"], None),
        (["model.safetensors", "other_model.fp16.safetensors"], None),
        (["model-00001-of-00002.safetensors"], None),
        (["model.fp16.bin"], None),
        ([], None),
    ],
)
def test_the_variant_is_told_by_exact_names(names, expected):
    assert variants([*BLIP[:-1], *names], Family.BLIP) == {"captioner": expected}


def test_shards_are_those_that_the_index_lists_whatever_they_are_called():
    plain = [path for path in PLAIN if path != SINGLE]
    shards = [f"unet/{name}" for name in SHARDS]
    found = needed([*plain, INDEX, *shards], Family.SDXL, {INDEX: SHARDS}.__getitem__)
    assert found == sorted([*plain, INDEX, *shards])


def test_of_a_single_file_beside_shards_diffusers_opens_the_shards_and_transformers_the_file():
    chosen = needed([*PLAIN, INDEX], Family.SDXL, {INDEX: SHARDS}.__getitem__)
    assert SINGLE not in chosen
    assert f"unet/{SHARDS[0]}" in chosen
    index, shard = "model.safetensors.index.json", "model-00001-of-00001.safetensors"
    assert needed([*BLIP, index, shard], Family.BLIP) == sorted(BLIP)
    encoder = [f"text_encoder/{name}" for name in (index, shard)]
    assert needed([*PLAIN, *encoder], Family.SDXL) == sorted(PLAIN)


@pytest.mark.parametrize(
    ("paths", "family", "missing"),
    [
        ([], Family.BLIP, "config.json is missing"),
        (BLIP, Family.SDXL, "model_index.json is missing"),
        (BLIP[:-1], Family.BLIP, "model.safetensors or model.fp16.safetensors is missing"),
        ([*BLIP[:-1], "model.ckpt"], Family.BLIP, "missing, and model.ckpt is a pickle: those can"),
        (SDXL[:-1], Family.SDXL, "vae/diffusion_pytorch_model.safetensors or diffusion_pytorch_m"),
        ([*SDXL[:-1], "vae/a.bin"], Family.SDXL, "is missing, and a.bin is a pickle"),
        (["sd_xl.ckpt"], Family.SDXL, "model_index.json is missing, and sd_xl.ckpt is a pickle"),
    ],
)
def test_what_loading_cannot_do_without_is_named(paths, family, missing):
    found = needed_files(paths, family, no_index)
    assert any(re.search(re.escape(missing), each) for each in found.missing)
