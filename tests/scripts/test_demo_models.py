"""The committed demo models mean what they say: a sample of what scripts/evaluate_demo judges.

The bounds are far below the models' figures and far above what a broken pipeline reaches: chance
is one in hundreds.
"""

import pytest
import torch

from captioner.blip import Blip
from captioner.images import read_image
from generator.sdxl import SDXL, Defaults
from models_cache.catalog import DEMO_CAPTIONER, DEMO_GENERATOR
from models_cache.store import Store
from scripts.demo_models.evaluate import (
    caption_all,
    held_out_scenes,
    judge_captions,
    judge_images,
    paint_all,
)
from webapp import samples

pytestmark = pytest.mark.demo

CPU = torch.device("cpu")
SAMPLE = 16


@pytest.fixture(scope="module")
def blip() -> Blip:
    return Blip.load(Store().locate(DEMO_CAPTIONER), CPU, DEMO_CAPTIONER.name)


@pytest.fixture
def sdxl() -> SDXL:
    """Loaded anew for each test: some break it."""
    defaults = Defaults(DEMO_GENERATOR.num_inference_steps, DEMO_GENERATOR.guidance_scale)
    return SDXL.load(Store().locate(DEMO_GENERATOR), CPU, DEMO_GENERATOR.name, defaults)


def test_drawn_scenes_are_captioned_word_for_word(blip):
    assert judge_captions(blip, held_out_scenes(100, seed=1)).share_right >= 0.85


def test_painted_scenes_show_what_was_asked_for(sdxl, blip):
    assert judge_images(sdxl, blip, held_out_scenes(SAMPLE, seed=1)).share_right >= 0.6


def test_a_picture_of_a_red_house_gives_its_words_and_they_a_red_house(sdxl, blip):
    [drawn] = caption_all(blip, [read_image(samples.read("a red house by the sea"))])
    assert drawn == "a red house by the sea"
    assert caption_all(blip, list(paint_all(sdxl, [drawn]))) == [drawn]


def test_the_page_s_samples_are_captioned_by_their_names(blip):
    images = [read_image(samples.read(name)) for name in samples.names()]
    assert len(images) >= 6
    assert caption_all(blip, images) == samples.names()


class ShufflesEmbeddings(SDXL):
    def _encode(self, request):
        prompt_embeds, pooled = super()._encode(request)
        rng = torch.Generator().manual_seed(0)
        return prompt_embeds[..., torch.randperm(prompt_embeds.shape[-1], generator=rng)], pooled


class SkipsGuidance(SDXL):
    def denoise(self, samples):
        for sample in samples:
            sample.prompt_embeds = sample.prompt_embeds[:1]
            sample.add_text_embeds = sample.add_text_embeds[:1]
            sample.add_time_ids = sample.add_time_ids[:1]
        return super().denoise(samples)


class StopsHalfWay(SDXL):
    def prepare(self, request):
        sample = super().prepare(request)
        sample.timesteps = sample.timesteps[: len(sample.timesteps) // 2]
        return sample


@pytest.mark.parametrize("broken", [ShufflesEmbeddings, SkipsGuidance, StopsHalfWay])
def test_a_broken_pipeline_goes_red_on_meaning(sdxl, blip, broken):
    defaults = Defaults(DEMO_GENERATOR.num_inference_steps, DEMO_GENERATOR.guidance_scale)
    wrong = broken(sdxl.pipeline, "broken", defaults)
    assert judge_images(wrong, blip, held_out_scenes(8, seed=1)).share_right < 0.4


def test_the_wrong_scaling_factor_goes_red_on_meaning(sdxl, blip):
    sdxl.pipeline.vae.register_to_config(scaling_factor=sdxl.pipeline.vae.config.scaling_factor * 3)
    assert judge_images(sdxl, blip, held_out_scenes(8, seed=1)).share_right < 0.4
