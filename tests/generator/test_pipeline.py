"""What a folder's configs say of a checkpoint, before any weight is loaded."""

import json
from pathlib import Path

import pytest
from checkpoints import unchecked

from generator.pipeline import read_model_info
from models_cache.advice import CheckpointError
from models_cache.catalog import DEMO_GENERATOR, Family
from models_cache.store import Store

pytestmark = pytest.mark.tiny


def write_configs(folder: Path, unet: dict[str, object], vae: dict[str, object]) -> Path:
    for name, config in (("unet", unet), ("vae", vae)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    scheduler = ["diffusers", "EulerAncestralDiscreteScheduler"]
    (folder / "model_index.json").write_text(json.dumps({"scheduler": scheduler}))
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    return folder


VAE = {"block_out_channels": [128, 256, 512, 512], "sample_size": 512}


def test_sizes_and_the_scheduler_are_the_checkpoint_s_own(tmp_path):
    folder = write_configs(tmp_path, {"sample_size": 64}, VAE)
    info = read_model_info(unchecked(folder, Family.SDXL, name="a turbo"))
    assert (info.default_size, info.smallest_size, info.largest_size) == (512, 128, 1024)
    assert (info.sampler, info.size_multiple, info.name) == ("Euler a", 8, "a turbo")
    assert (info.num_inference_steps, info.guidance_scale) == (30, 5.0)


def test_an_unet_that_does_not_say_is_sdxl_s(tmp_path):
    folder = write_configs(tmp_path, {"sample_size": None}, VAE)
    assert read_model_info(unchecked(folder, Family.SDXL, name="base")).default_size == 1024


def test_a_turbo_is_offered_in_shapes_of_its_own_size(tmp_path):
    folder = write_configs(tmp_path, {"sample_size": 64}, VAE)
    info = read_model_info(unchecked(folder, Family.SDXL, name="a turbo"))
    assert info.nearest_size(300, 200) == (608, 416)


def test_the_demo_is_offered_in_the_shapes_that_it_learnt():
    sizes = read_model_info(Store().locate(DEMO_GENERATOR)).sizes
    assert sizes == ((104, 152), (128, 128), (152, 104))


def test_a_latent_consistency_unet_is_refused_in_words(tmp_path):
    folder = write_configs(tmp_path, {"time_cond_proj_dim": 256}, VAE)
    with pytest.raises(CheckpointError, match="its UNet takes the guidance scale as an input"):
        read_model_info(unchecked(folder, Family.SDXL, name="lcm"))


def test_configs_that_say_nothing_are_refused_in_words(tmp_path):
    folder = write_configs(tmp_path, {}, {})
    with pytest.raises(CheckpointError, match="its configs do not say what sizes it has"):
        read_model_info(unchecked(folder, Family.SDXL, name="empty"))


@pytest.mark.parametrize(
    ("unet", "why"),
    [
        ({"in_channels": 9}, "takes 9 channels: it is for inpainting, and asks for a mask"),
        ({"in_channels": 8}, "takes 8 channels: it is for changing a picture that is given"),
        ({"in_channels": 5}, "takes 5 channels and gives 4, and its VAE has 4"),
        ({"in_channels": 4, "out_channels": 8}, "takes 4 channels and gives 8"),
    ],
)
def test_an_unet_that_paints_from_more_than_words_is_refused_in_words(tmp_path, unet, why):
    folder = write_configs(tmp_path, unet, VAE)
    with pytest.raises(CheckpointError, match=f"^{folder} cannot be served: its UNet {why}"):
        read_model_info(unchecked(folder, Family.SDXL, name="other"))


def test_a_size_may_be_a_list(tmp_path):
    folder = write_configs(tmp_path, {"sample_size": [96, 64]}, {**VAE, "sample_size": [512, 256]})
    assert read_model_info(unchecked(folder, Family.SDXL, name="wide")).default_size == 768
