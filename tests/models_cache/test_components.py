"""Which parts an SDXL checkpoint has to name, and of which classes."""

import json

import pytest
from checkpoints import local, write, write_sdxl

from models_cache.advice import CheckpointError
from models_cache.catalog import Family


@pytest.mark.parametrize(
    ("component", "value", "why"),
    [
        ("text_encoder", None, "has no text_encoder: an SDXL refiner"),
        ("text_encoder", [None, None], "has no text_encoder: an SDXL refiner"),
        ("vae", ["diffusers", "AutoencoderTiny"], "AutoencoderTiny as its vae, and only Autoenc"),
        ("unet", ["diffusers", "UNetMotionModel"], "UNetMotionModel as its unet, and only UNet2D"),
        ("unet", None, "has no unet: an SDXL refiner, or a part of a model"),
        ("vae", ["my_code", "MyVAE"], "does not say that vae is a class of diffusers or"),
    ],
)
def test_components_that_are_not_sdxl_s_are_refused_with_the_reason(
    tmp_path, component, value, why
):
    sdxl = write_sdxl(tmp_path)
    index = json.loads((sdxl / "model_index.json").read_text())
    write(sdxl / "model_index.json", {**index, component: value})
    with pytest.raises(CheckpointError, match=why):
        local(sdxl, Family.SDXL)
