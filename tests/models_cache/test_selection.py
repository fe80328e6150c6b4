import re

import pytest

from models_cache.catalog import SDXL_BASE, Family
from models_cache.layout import WrongCheckpoint
from models_cache.selection import needed

BLIP = ["config.json", "preprocessor_config.json", "vocab.txt", "model.safetensors"]
SDXL = [file.path for file in SDXL_BASE.files]
PLAIN = [path.replace(".fp16", "") for path in SDXL]
BOTH = [*SDXL, *(path for path in PLAIN if path not in SDXL)]


def test_formats_and_copies_that_are_not_loaded_are_left_out():
    others = ["README.md", ".gitattributes", "pytorch_model.bin", "tf_model.h5", "onnx/config.json"]
    assert sorted(needed(BLIP + others, Family.BLIP)) == sorted(BLIP)
    others = [
        "sd_xl_base_1.0.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/model.onnx_data",
        "vae_1_0/config.json",
        "vae_decoder/config.json",
        "text_encoder/pytorch_model.bin",
    ]
    assert sorted(needed(SDXL + others, Family.SDXL)) == sorted(SDXL)


def test_fp16_is_taken_where_the_unet_has_it():
    assert sorted(needed(BOTH, Family.SDXL)) == sorted(SDXL)
    mixed = [path for path in SDXL if not path.startswith("vae")]
    mixed += [path for path in PLAIN if path.startswith("vae")]
    assert sorted(needed(mixed, Family.SDXL)) == sorted(mixed)


def test_without_it_the_plain_weights_are_taken_everywhere():
    assert sorted(needed(PLAIN, Family.SDXL)) == sorted(PLAIN)
    half_vae = [path for path in SDXL if path.startswith("vae/diff")]
    assert sorted(needed(PLAIN + half_vae, Family.SDXL)) == sorted(PLAIN)


@pytest.mark.parametrize(
    ("shard", "variant"),
    [
        ("model-0000{}-of-00002.safetensors", ""),
        ("model.fp16-0000{}-of-00002.safetensors", ".fp16"),
        ("model-0000{}-of-00002.fp16.safetensors", ".fp16"),
    ],
)
def test_all_shards_and_their_index_are_taken(shard, variant):
    index = f"model.safetensors.index{variant}.json"
    files = [*BLIP[:-1], shard.format(1), shard.format(2), index]
    assert sorted(needed(files, Family.BLIP)) == sorted(files)


@pytest.mark.parametrize(
    ("paths", "family", "why"),
    [
        ([], Family.BLIP, "has no config.json, so it is no BLIP checkpoint"),
        (BLIP, Family.SDXL, "has no model_index.json, so it is no SDXL checkpoint"),
        (BLIP[:-1], Family.BLIP, "has no model.safetensors"),
        ([*BLIP[:-1], "model.ckpt"], Family.BLIP, "has only model.ckpt, a pickle: those can"),
        (SDXL[:-1], Family.SDXL, "has no vae/diffusion_pytorch_model.safetensors"),
        ([*SDXL[:-1], "vae/a.bin"], Family.SDXL, "has only vae/a.bin, a pickle: those can run any"),
    ],
)
def test_what_cannot_be_loaded_is_refused(paths, family, why):
    with pytest.raises(WrongCheckpoint, match=f"^{re.escape(why)}"):
        needed(paths, family)
