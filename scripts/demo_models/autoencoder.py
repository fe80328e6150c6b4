"""The demo autoencoder: AutoencoderKL, four times down, trained to give drawn scenes back."""

from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch import nn

from scripts.demo_models.batches import IMAGE_SIZE, draw_batch
from scripts.demo_models.run import Run

STEPS = 3000
BATCH = 16
KL_WEIGHT = 2e-4


def build() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=16,
        sample_size=IMAGE_SIZE,
        force_upcast=True,
    )


def run(folder: Path, device: torch.device, steps: int = STEPS) -> Run:
    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        images = draw_batch(rng, BATCH)[0].to(device)
        posterior = model.encode(images).latent_dist
        decoded = model.decode(posterior.sample()).sample.float()
        return _difference(decoded, images) + KL_WEIGHT * _kl(posterior.mean, posterior.logvar)

    torch.manual_seed(0)
    return Run("autoencoder", build(), loss, steps, 1e-3, folder, device)


def _difference(decoded: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Squared and absolute error of the pixels, and absolute error of the edges between them."""
    error = decoded - images
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.square().mean() + 0.5 * error.abs().mean() + 0.5 * edges


def _kl(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Divergence from the unit normal, nats per latent value (Kingma and Welling 2013, app. B)."""
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
