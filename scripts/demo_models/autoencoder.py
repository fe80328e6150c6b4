"""The demo autoencoder: AutoencoderKL, eight times down, trained to give drawn scenes back.

It learns in two runs. The first trains all of it, on parts of pictures: four times as many steps in
the same time teach it more than whole pictures do. The second trains its decoder alone, on whole
pictures, so that the generator can learn the finished encoder's latents while the decoder grows
sharper.
"""

from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch import nn

from scripts.demo_models.batches import IMAGE_SIZE, drawn_scenes
from scripts.demo_models.encoded import EncodedScenes
from scripts.demo_models.run import Run

STEPS = 10_000
DECODER_STEPS = 6000
BATCH = 8
DECODER_BATCH = 4
CROP = 64  # pixels
KL_WEIGHT = 2e-4


def build() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 96, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=16,
        sample_size=IMAGE_SIZE,
        force_upcast=True,
    )


def run(folder: Path, device: torch.device, steps: int = STEPS) -> Run:
    scenes = drawn_scenes(folder)

    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        images = _cropped(scenes.batch(rng, BATCH)[0], rng).to(device)
        posterior = model.encode(images).latent_dist
        decoded = model.decode(posterior.sample()).sample.float()
        return _difference(decoded, images) + KL_WEIGHT * _kl(posterior.mean, posterior.logvar)

    torch.manual_seed(0)
    return Run("autoencoder", build(), loss, BATCH, steps, 1.5e-3, folder, device)


def decoder_run(
    folder: Path, device: torch.device, autoencoder: nn.Module, steps: int = DECODER_STEPS
) -> Run:
    """A run that trains ``autoencoder``'s decoder further, on latents of its fixed encoder."""
    assert isinstance(autoencoder, AutoencoderKL)
    autoencoder.requires_grad_(False)
    for part in (autoencoder.post_quant_conv, autoencoder.decoder):
        part.requires_grad_(True)
    scenes = EncodedScenes.cached(folder, autoencoder, device)

    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        latents, images = scenes.pairs(rng, DECODER_BATCH)
        return _difference(model.decode(latents).sample.float(), images.to(device))

    return Run("decoder", autoencoder, loss, DECODER_BATCH, steps, 5e-4, folder, device)


def _cropped(images: torch.Tensor, rng: Random) -> torch.Tensor:
    """A part of each image, at a random place."""
    corners = [
        (rng.randrange(IMAGE_SIZE - CROP + 1), rng.randrange(IMAGE_SIZE - CROP + 1)) for _ in images
    ]
    parts = [
        image[:, top : top + CROP, left : left + CROP]
        for image, (top, left) in zip(images, corners, strict=True)
    ]
    return torch.stack(parts)


def _difference(decoded: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Squared and absolute error of the pixels, and absolute error of the edges between them."""
    error = decoded - images
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.square().mean() + 0.5 * error.abs().mean() + 0.5 * edges


def _kl(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Divergence from the unit normal, nats per latent value (Kingma and Welling 2013, app. B)."""
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
