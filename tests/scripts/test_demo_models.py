"""The committed demo models mean what they say: a sample of what scripts/evaluate_demo judges.

The bounds are below the models' figures by what a sample so small may miss, and far above what a
broken pipeline reaches.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageChops, ImageFilter

from captioner.blip import Blip
from captioner.images import read_image
from generator.sdxl import SDXL
from models_cache.catalog import DEMO_CAPTIONER, DEMO_GENERATOR
from models_cache.runtime.device import usable_cores
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store
from scripts.demo_models.evaluate import (
    draw_all,
    held_out_scenes,
    judge_captions,
    judge_images,
    judge_judge,
    judge_round_trip,
    paint_all,
    paint_middles,
)
from scripts.demo_models.judges import ByCaptioner, ByPixels, caption_all
from scripts.demo_models.verdict import shown, told_apart
from webapp import examples

pytestmark = pytest.mark.demo

ROOT = Path(__file__).parents[2]
CPU = Placement(torch.device("cpu"))
SCENES = held_out_scenes(20, seed=1)
MANY = held_out_scenes(100, seed=0)
BOUND = 0.7  # of the sample's images
BROKEN_BOUND = 0.45
GUIDED_BOUND = 0.81


@pytest.fixture(scope="module", autouse=True)
def _all_cores() -> Iterator[None]:
    """These models are worth more than the one thread that the tiny ones leave."""
    before = torch.get_num_threads()
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    torch.set_num_threads(max(1, usable_cores() // processes))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def blip() -> Blip:
    return Blip.load(Store().locate(DEMO_CAPTIONER), CPU)


@pytest.fixture(scope="module")
def by_pixels() -> ByPixels:
    return ByPixels()


def load() -> SDXL:
    return SDXL.load(Store().locate(DEMO_GENERATOR), CPU)


@pytest.fixture
def sdxl() -> SDXL:
    """Loaded anew for each test: some break it."""
    return load()


@pytest.fixture(scope="module")
def painted() -> list[Image.Image]:
    """Of MANY; once, as it takes most of a minute."""
    return paint_all(load(), [scene.caption for scene in MANY])


def test_drawn_scenes_are_captioned_word_for_word(blip):
    scenes = held_out_scenes(100, seed=1)
    assert judge_captions(blip, draw_all(scenes, seed=1), scenes).share_right >= 0.92


def test_both_judges_know_true_scenes_from_others(blip, by_pixels):
    for judge in (ByCaptioner(blip), by_pixels):
        for what, verdict in judge_judge(judge, draw_all(SCENES, seed=1), SCENES):
            assert verdict.share_right >= 0.95, what


def test_painted_scenes_show_what_was_asked_for_to_both_judges(painted, blip, by_pixels):
    for judge in (ByCaptioner(blip), by_pixels):
        assert shown(MANY[:20], judge.read(painted[:20])).share_right >= BOUND, judge.name


@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_scenes_in_other_shapes_show_what_was_asked_for_too(sdxl, blip, by_pixels, shape):
    middles = paint_middles(sdxl, SCENES, sdxl.info.size_of_shape(shape))
    for judge in (ByCaptioner(blip), by_pixels):
        assert shown(SCENES, judge.read(middles)).share_right >= BOUND, judge.name


def test_most_pictures_come_back_in_the_same_words(sdxl, blip):
    assert judge_round_trip(blip, sdxl, draw_all(SCENES, seed=1)).share_right >= BOUND


def test_a_picture_of_a_red_house_gives_its_words_and_they_a_red_house(sdxl, blip):
    [drawn] = caption_all(blip, [read_image(examples.read("a red house by the sea"))])
    assert drawn == "a red house by the sea"
    assert caption_all(blip, paint_all(sdxl, [drawn])) == [drawn]


def test_the_page_s_examples_are_captioned_by_their_names(blip):
    images = [read_image(examples.read(name)) for name in examples.names()]
    assert len(images) >= 6
    assert caption_all(blip, images) == examples.names()


def test_the_captioner_tells_scenes_drawn_or_painted_from_other_pictures(blip, painted):
    drawn = draw_all(held_out_scenes(100, seed=1), seed=1)
    assert told_apart(blip, drawn, are_scenes=True).share_right >= 0.95
    assert told_apart(blip, drawn, are_scenes=False).share_right <= 0.05
    assert told_apart(blip, painted, are_scenes=True).share_right >= 0.8
    shown_by_name = [read_image(examples.read(name)) for name in examples.names()]
    assert told_apart(blip, shown_by_name, are_scenes=True).share_right == 1
    assert told_apart(blip, other_pictures(), are_scenes=False).wrong == ()


def other_pictures() -> list[Image.Image]:
    """As rough as photos, as soft, and a screenshot."""
    noise = [Image.effect_noise((256, 192), 60).convert("RGB") for _ in range(2)]
    soft = [image.filter(ImageFilter.GaussianBlur(radius)) for image in noise for radius in (2, 8)]
    hazy = [ImageChops.multiply(image, Image.new("RGB", image.size, "orange")) for image in soft]
    return [*noise, *soft, *hazy, Image.open(ROOT / "docs" / "job-desktop.png").convert("RGB")]


class ShufflesEmbeddings(SDXL):
    def _encode(self, requests):
        [(prompt_embeds, _), *_] = encoded = super()._encode(requests)
        order = torch.randperm(prompt_embeds.shape[-1], generator=torch.Generator().manual_seed(0))
        return [(prompt_embeds[..., order], pooled) for prompt_embeds, pooled in encoded]


class KeepsOneRow(SDXL):
    """Of the two that guidance needs: the ``kept`` one, without guidance."""

    def denoise(self, samples):
        for sample in samples:
            sample.prompt_embeds = sample.prompt_embeds[self.kept]
            sample.add_text_embeds = sample.add_text_embeds[self.kept]
            sample.add_time_ids = sample.add_time_ids[self.kept]
        return super().denoise(samples)


class IgnoresThePrompt(KeepsOneRow):
    kept = slice(None, 1)


class SkipsGuidance(KeepsOneRow):
    kept = slice(-1, None)


class StopsHalfWay(SDXL):
    def _sample(self, *arguments):
        sample = super()._sample(*arguments)
        sample.timesteps = sample.timesteps[: len(sample.timesteps) // 2]
        return sample


class DropsAnEncoder(SDXL):
    """Which of the two is ``dropped``: a span of the joined embeddings."""

    def _encode(self, requests):
        encoded = super()._encode(requests)
        for prompt_embeds, _ in encoded:
            prompt_embeds[..., self.dropped] = 0
        return encoded


class DropsTheFirst(DropsAnEncoder):
    dropped = slice(None, 96)


class DropsTheSecond(DropsAnEncoder):
    dropped = slice(96, None)


@pytest.mark.parametrize(
    "broken",
    [ShufflesEmbeddings, IgnoresThePrompt, StopsHalfWay, DropsTheFirst, DropsTheSecond],
)
def test_a_broken_pipeline_goes_red_on_meaning(sdxl, blip, broken):
    wrong = broken(sdxl.pipeline, sdxl.info)
    assert judge_images(ByCaptioner(blip), wrong, SCENES[:12]).share_right < BROKEN_BOUND


def test_skipped_guidance_goes_red_on_meaning(sdxl, blip, painted):
    """It costs one image in ten, which takes a larger sample to show."""
    wrong = SkipsGuidance(sdxl.pipeline, sdxl.info)
    assert judge_images(ByCaptioner(blip), wrong, MANY).share_right < GUIDED_BOUND
    assert shown(MANY, ByCaptioner(blip).read(painted)).share_right >= GUIDED_BOUND


@pytest.mark.parametrize("factor", [1 / 3, 3])
def test_the_wrong_scaling_factor_goes_red_on_meaning(sdxl, blip, factor):
    scaling_factor = sdxl.pipeline.vae.config.scaling_factor * factor
    sdxl.pipeline.vae.register_to_config(scaling_factor=scaling_factor)
    assert judge_images(ByCaptioner(blip), sdxl, SCENES[:12]).share_right < BROKEN_BOUND
