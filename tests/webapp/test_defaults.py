"""What the server's owner says of requests that do not say."""

import pytest

from generator.pipeline import read_model_info
from models_cache.catalog import Family
from models_cache.flags import Models
from webapp.models import ModelPair
from webapp.settings import Settings

pytestmark = [pytest.mark.demo, pytest.mark.slow]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (14, 2.0)),
        ({"num_inference_steps": 4}, (4, 2.0)),
        ({"guidance_scale": 0.0}, (14, 0.0)),
        ({"num_inference_steps": 200, "guidance_scale": 7.5}, (200, 7.5)),
    ],
)
def test_steps_and_guidance_are_the_owner_s_or_the_checkpoint_s(said, expected):
    pair = ModelPair.of(Settings(models=Models.DEMO, device="cpu", **said))
    info = read_model_info(pair.checkpoints[Family.SDXL])
    assert (info.num_inference_steps, info.guidance_scale) == expected
    assert info.name == "lookalike-demo-generator"
