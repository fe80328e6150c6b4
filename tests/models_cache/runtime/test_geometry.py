"""Sizes are read from the configs, or refused in words."""

import json

import pytest
from checkpoints import unchecked

from models_cache.advice import CheckpointError
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Geometry, read_geometry

VAE = {"block_out_channels": [128, 256, 512, 512], "sample_size": 1024}


def test_sdxl_s_own_sizes():
    assert Geometry.of({"sample_size": 128}, VAE) == Geometry(8, 1024, 512, 256)
    assert Geometry.of({}, VAE) == Geometry.of({"sample_size": None}, VAE)


def test_a_size_may_be_two():
    pair = Geometry.of({"sample_size": [64, 64]}, {**VAE, "sample_size": [512, 512]})
    assert pair == Geometry(8, 512, 256, 256)


def test_a_decode_takes_what_its_widest_stage_does_several_times():
    assert Geometry(8, 1024, 512, 256).decode_bytes(1024**2, 2) == 5 * 256 * 1024**2 * 2


@pytest.mark.parametrize(
    "vae",
    [{}, {"sample_size": 64}, {**VAE, "sample_size": None}, {**VAE, "block_out_channels": []}],
)
def test_configs_that_do_not_say_are_refused_in_words(tmp_path, vae):
    for part, config in (("unet", {}), ("vae", vae)):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=f"{tmp_path} cannot be served: its configs do not"):
        read_geometry(unchecked(tmp_path, Family.SDXL))
