"""How the warm-up of an SDXL ends."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from tiny import TINY_INFO, tiny_pipeline

from generator.sample import Sample
from generator.sdxl import SDXL

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


def test_a_warm_up_that_fails_ends(pipeline, monkeypatch):
    """As a scheduler's error is returned, a loop that waits for the last step would never end."""

    def fail(sample: Sample, *_: torch.Tensor) -> None:
        raise ValueError("a scheduler that cannot step")

    monkeypatch.setattr(Sample, "advance", fail)
    with pytest.raises(ValueError, match="a scheduler that cannot step"):
        SDXL(pipeline, TINY_INFO).warm_up()
