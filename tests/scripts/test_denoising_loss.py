"""What the generator learns from: noised latents, their velocity, and conditions left out."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from scripts.demo_models.batches import DrawnScenes
from scripts.demo_models.encoded import EncodedScenes
from scripts.demo_models.generator import BATCH, NOISE_SCHEDULE, DenoisingLoss

CPU = torch.device("cpu")
CAPTION = "a red house left of a blue cat by the sea"


class Sees:
    """A model that keeps what it is asked, and predicts nothing."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def encode(self, prompts, device):
        self.prompts += prompts
        return torch.ones(len(prompts), 4, 8), torch.ones(len(prompts), 6)

    def unet(self, latents, timesteps, prompt_embeds, added_cond_kwargs):
        self.latents, self.timesteps = latents, timesteps
        self.time_ids = added_cond_kwargs["time_ids"]
        self.words = prompt_embeds.flatten(1).all(1)
        self.pooled = added_cond_kwargs["text_embeds"].all(1)
        return SimpleNamespace(sample=torch.zeros_like(latents))


def loss_of(forgetful: float) -> DenoisingLoss:
    scenes = DrawnScenes(np.zeros((1, 2, 2, 3), np.uint8), [CAPTION])
    encoded = EncodedScenes(torch.zeros(1, 8, 2, 2), scenes, scaling_factor=1.0)
    return DenoisingLoss([encoded], CPU, DDPMScheduler(**NOISE_SCHEDULE), forgetful)


def shares(forgetful: float, steps: int = 300) -> tuple[float, float, float]:
    """The shares of prompts without words, without pooled embeddings, and without a colour."""
    torch.manual_seed(0)
    loss, rng, model = loss_of(forgetful), Random(0), Sees()
    words, pooled = [], []
    for _ in range(steps):
        loss(model, rng)
        words.append(model.words)
        pooled.append(model.pooled)
    plain = sum("a house" in each or "a cat" in each for each in model.prompts)
    unheard, unpooled = (1 - torch.stack(each).float().mean().item() for each in (words, pooled))
    return unheard, unpooled, plain / (steps * BATCH)


def test_the_first_run_leaves_out_all_conditions_together():
    assert shares(0.0) == pytest.approx((0.1, 0.1, 0.0), abs=0.02)


def test_a_forgetful_run_leaves_out_pooled_embeddings_and_colours_besides():
    assert shares(0.2) == pytest.approx((0.1, 0.28, 0.18), abs=0.02)


def test_a_batch_is_of_one_shape_and_its_size_is_told():
    torch.manual_seed(0)
    square = loss_of(0.0)
    drawn = square.scenes[0].scenes
    wide = EncodedScenes(torch.zeros(1, 8, 13, 19), drawn, scaling_factor=1.0)
    loss, model, rng = replace(square, scenes=[*square.scenes, wide]), Sees(), Random(0)
    seen = set()
    for _ in range(20):
        loss(model, rng)
        height, width = (8 * side for side in model.latents.shape[2:])
        seen.add((height, width))
        told = model.time_ids
        assert torch.equal(told[:, :2], told[:, 4:])
        assert not told[:, 2:4].any()
        assert 0.6 < (told[:, 0] == height).float().mean() < 1
        scale = told[:, :1] / height
        assert 1 <= scale.min() <= scale.max() <= 2
        assert torch.allclose(told[:, 1:2], scale * width, atol=1 + width / height)
    assert seen == {(16, 16), (104, 152)}


def test_the_target_is_the_velocity_of_the_noise_that_was_added():
    torch.manual_seed(0)
    loss, model = loss_of(0.0), Sees()
    told = loss(model, Random(0))
    torch.manual_seed(0)
    latents = torch.randn(BATCH, 4, 2, 2)
    [torch.randn(BATCH), torch.rand(BATCH), torch.rand(BATCH)]  # the timesteps' own
    noise = torch.randn(BATCH, 4, 2, 2)
    alphas = DDPMScheduler(**NOISE_SCHEDULE).alphas_cumprod[model.timesteps].view(-1, 1, 1, 1)
    assert torch.allclose(model.latents, alphas.sqrt() * latents + (1 - alphas).sqrt() * noise)
    velocity = alphas.sqrt() * noise - (1 - alphas).sqrt() * latents
    assert told.item() == pytest.approx(velocity.square().mean().item(), rel=1e-5)
