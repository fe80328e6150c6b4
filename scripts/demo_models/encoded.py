"""Training scenes as latents, which the decoder and the generator learn from."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from scripts.demo_models.batches import DrawnScenes, Pixels, drawn_scenes, pixels, shaped_scenes
from scripts.demo_models.run import autocast

ENCODED = 32_768  # of the training scenes: encoding more takes longer than it is worth


class EncodedScenes:
    """Training scenes as the autoencoder's latents: drawn and encoded once, sampled every time."""

    def __init__(self, moments: torch.Tensor, scenes: DrawnScenes, scaling_factor: float) -> None:
        self.moments = moments  # (N, 8, height, width): mean and log variance
        self.scenes = scenes
        self.scaling_factor = scaling_factor
        self.cum_weights: list[float] = []  # none: each scene is as likely as another

    def prefer(self, is_hard: Callable[[str], bool]) -> None:
        """Draws a scene twice as often as others from here on, if its caption is hard."""
        captions = self.scenes.captions[: len(self.moments)]
        self.cum_weights = list(accumulate(1.0 + is_hard(caption) for caption in captions))

    @classmethod
    def cached(
        cls, folder: Path, vae: AutoencoderKL, device: torch.device, shape: str = ""
    ) -> "EncodedScenes":
        """Square scenes, or those in one of SHAPES; encoded in ``folder`` if they are not yet."""
        scenes = shaped_scenes(folder, shape) if shape else drawn_scenes(folder)
        file = folder / f"latents{shape and '-'}{shape}.pt"
        if not file.exists():
            partial = file.with_suffix(".part")
            torch.save(_encode(scenes.images[:ENCODED], vae.to(device), device), partial)
            partial.replace(file)
        moments = torch.load(file, device, weights_only=True)
        return cls(moments, scenes, vae.config.scaling_factor)

    def batch(self, rng: Random, count: int) -> tuple[torch.Tensor, list[str]]:
        """``count`` scaled latents drawn from their posteriors, and their captions."""
        chosen = self._choose(rng, count)
        captions = [self.scenes.captions[place] for place in chosen]
        return self._latents(chosen) * self.scaling_factor, captions

    def pairs(self, rng: Random, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` latents, as the decoder gets them, and the pixels in [-1, 1] behind them."""
        chosen = self._choose(rng, count)
        return self._latents(chosen), pixels(self.scenes.images[chosen])

    def _choose(self, rng: Random, count: int) -> list[int]:
        if self.cum_weights:
            return rng.choices(range(len(self.moments)), cum_weights=self.cum_weights, k=count)
        return [rng.randrange(len(self.moments)) for _ in range(count)]

    def _latents(self, chosen: list[int]) -> torch.Tensor:
        mean, logvar = self.moments[chosen].chunk(2, dim=1)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


@torch.no_grad()
def _encode(images: Pixels, vae: AutoencoderKL, device: torch.device) -> torch.Tensor:
    moments = []
    for start in tqdm(range(0, len(images), 64), "encoding scenes"):
        with autocast(device):
            posterior = vae.encode(pixels(images[start : start + 64]).to(device)).latent_dist
        moments.append(torch.cat([posterior.mean, posterior.logvar], dim=1).float())
    return torch.cat(moments)


@torch.no_grad()
def scaling_factor(vae: AutoencoderKL, folder: Path, device: torch.device) -> float:
    """One over the standard deviation of some scenes' latents (Rombach et al. 2022, app. G)."""
    torch.manual_seed(0)
    images = pixels(drawn_scenes(folder).images[:256]).to(device)
    return round(1 / vae.to(device).encode(images).latent_dist.sample().std().item(), 5)
