"""The demo autoencoder's decoder, taught by a critic: sharp, where averages of pixels are soft.

The encoder is frozen, so the latents that the generator knows stay valid. The recipe is the one of
Esser et al. 2021, "Taming Transformers", section 3.1: a patch discriminator with the hinge loss
beside the error of the pixels, weighted so that both pull equally at the last layer. Decoder and
discriminator learn in one backward pass: each one's loss reads the other without its gradient.
"""

from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch import nn
from torch.func import functional_call
from torch.nn.functional import relu

from scripts.demo_models.batches import drawn_scenes
from scripts.demo_models.run import Run

STEPS = 3000
BATCH = 4
LEARNING_RATE = 2e-4
DISCRIMINATOR_RATE = 1e-3
RAMP = 300  # steps until the discriminator's word has its full weight: it knows nothing at first
MOST_WEIGHT = 1.0
LIKENESS_WEIGHT = 0.5


class PatchDiscriminator(nn.Module):
    """Says of each patch of a picture (N, 3, y, x) how drawn it looks: (N, 1, y/4, x/4).

    Isola et al. 2017, "Image-to-Image Translation", section 3.2.2; without norms, which would hide
    how much contrast a picture has.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(3, width, 4, 2, 1),
                nn.Conv2d(width, 2 * width, 4, 2, 1),
                nn.Conv2d(2 * width, 4 * width, 3, 1, 1),
            ]
        )
        self.verdict = nn.Conv2d(4 * width, 1, 3, 1, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The verdicts, and what each layer saw."""
        features = []
        for layer in self.layers:
            images = nn.functional.leaky_relu(layer(images), 0.2)
            features.append(images)
        return self.verdict(images), features


class Sharpener(nn.Module):
    """The autoencoder, whose decoder learns, and the discriminator that learns against it."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae.requires_grad_(False)
        for part in (vae.post_quant_conv, vae.decoder):
            part.requires_grad_(True)
        self.discriminator = PatchDiscriminator()
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The loss of both, on drawn pictures (N, 3, y, x) in [-1, 1]."""
        with torch.no_grad():
            latents = self.vae.encode(images).latent_dist.sample()
        decoded = self.vae.decode(latents).sample.float()
        drawn, drawn_features = self.discriminator(images)
        false, _ = self.discriminator(decoded.detach())
        fixed = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        praise, features = functional_call(self.discriminator, fixed, (decoded,))
        likeness = sum(
            (one - other.detach()).abs().mean()
            for one, other in zip(features, drawn_features, strict=True)
        )
        error = _error(decoded, images)
        weight = self._weight(error, -praise.mean())
        self.steps += 1
        return (
            error
            - weight * praise.mean()
            + LIKENESS_WEIGHT * likeness
            + relu(1 - drawn).mean()
            + relu(1 + false).mean()
        )

    def _weight(self, error: torch.Tensor, disapproval: torch.Tensor) -> torch.Tensor:
        """So much that the discriminator pulls at the last layer as the pixels do."""
        last = self.vae.decoder.conv_out.weight
        pulls = [
            torch.autograd.grad(loss, last, retain_graph=True)[0].norm()
            for loss in (error, disapproval)
        ]
        equal = (pulls[0] / (pulls[1] + 1e-4)).clamp(max=MOST_WEIGHT)
        return equal * (self.steps / RAMP).clamp(max=1)


def run(folder: Path, device: torch.device, vae: AutoencoderKL, steps: int = STEPS) -> Run:
    scenes = drawn_scenes(folder)
    torch.manual_seed(0)

    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        return model(scenes.batch(rng, BATCH)[0].to(device))

    sharpener = Sharpener(vae)
    rates = {sharpener.discriminator: DISCRIMINATOR_RATE}
    return Run(
        "sharpener", sharpener, loss, BATCH, steps, LEARNING_RATE, folder, device, rates=rates
    )


def _error(decoded: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Absolute error of the pixels, and of the edges between them."""
    error = decoded - images
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + edges
