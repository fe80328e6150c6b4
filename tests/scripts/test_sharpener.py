"""The decoder learns against a discriminator; the encoder, whose latents are known, does not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from scripts.demo_models import sharpener
from scripts.demo_models.batches import DrawnScenes
from scripts.demo_models.sharpener import RAMP, Sharpener

pytestmark = pytest.mark.tiny

CPU = torch.device("cpu")
STEPS = 6


def tiny_vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=16,
    )


@pytest.fixture
def scenes(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 16, 16, 3), np.uint8)
    monkeypatch.setattr(
        sharpener, "drawn_scenes", lambda folder: DrawnScenes(images, ["words"] * 8)
    )


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.usefixtures("scenes")
def test_the_decoder_and_the_discriminator_learn_and_the_encoder_does_not(tmp_path: Path):
    vae = tiny_vae()
    before = {name: weights(getattr(vae, name)) for name in ("encoder", "quant_conv", "decoder")}
    run = sharpener.run(tmp_path, CPU, vae, STEPS)
    judge = weights(run.model.discriminator)
    sharpened = run.train()
    after = {name: weights(getattr(sharpened.vae, name)) for name in before}
    assert torch.equal(after["encoder"], before["encoder"])
    assert torch.equal(after["quant_conv"], before["quant_conv"])
    assert not torch.equal(after["decoder"], before["decoder"])
    assert not torch.equal(weights(sharpened.discriminator), judge)


@pytest.mark.usefixtures("scenes")
def test_the_discriminator_has_a_learning_rate_of_its_own(tmp_path: Path):
    run = sharpener.run(tmp_path, CPU, tiny_vae(), STEPS)
    decoder, judge = run.optimizer.param_groups
    assert judge["lr"] / decoder["lr"] == sharpener.DISCRIMINATOR_RATE / sharpener.LEARNING_RATE
    count = sum(len(group["params"]) for group in (decoder, judge))
    assert count == sum(parameter.requires_grad for parameter in run.model.parameters())


def gradients(loss: torch.Tensor, module: torch.nn.Module) -> torch.Tensor:
    wanted = [parameter for parameter in module.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=True)
    return torch.cat([each.flatten() for each in found if each is not None])


def test_each_learns_from_its_own_part_of_the_loss_alone():
    """The discriminator's gradients are those of the hinge loss on pictures that are given."""
    model = Sharpener(tiny_vae())
    model.steps += RAMP
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    torch.manual_seed(1)
    loss = model(images)
    torch.manual_seed(1)
    with torch.no_grad():
        decoded = model.vae.decode(model.vae.encode(images).latent_dist.sample()).sample
    drawn, false = model.discriminator(images)[0], model.discriminator(decoded)[0]
    hinge = torch.relu(1 - drawn).mean() + torch.relu(1 + false).mean()
    expected = gradients(hinge, model.discriminator)
    assert torch.allclose(gradients(loss, model.discriminator), expected, atol=1e-6)
    assert gradients(loss, model.vae.decoder).abs().sum() > 0


def test_the_discriminator_counts_for_nothing_at_first_and_then_as_much_as_the_pixels():
    model = Sharpener(tiny_vae())
    last = model.vae.decoder.conv_out.weight
    assert model._weight(last.square().sum(), last.sum()) == 0
    model.steps += 2 * RAMP
    error, disapproval = 0.01 * last.sum(), 0.1 * last.sum()
    assert model._weight(error, disapproval) == pytest.approx(0.1, rel=0.01)
    assert model._weight(last.sum(), disapproval) == sharpener.MOST_WEIGHT
