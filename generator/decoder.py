"""Latents become pixels: in one piece where there is room for that, tile by tile where not."""

import torch
from diffusers import AutoencoderKL

from models_cache.device_memory import OutOfMemory, free_bytes, guarded
from models_cache.geometry import Geometry


class Decoder:
    """The VAE's decoder, which in one piece takes more memory than anything else.

    diffusers' own ``enable_tiling`` would tile what is larger than the size trained on, so never
    an image of SDXL's 1024x1024: here tiles are half as wide, and used where they have to be.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        self.vae = vae
        self._geometry = Geometry.of({}, vae.config)
        vae.tile_sample_min_size = self._geometry.tile_side
        vae.tile_latent_min_size = self._geometry.tile_side // self._geometry.scale

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """(1, 3, height, width) in about [-1, 1]. Raises OutOfMemory if even tiles do not fit."""
        unscaled = self._unscaled(latents.to(self.vae.dtype))
        if self._fits(unscaled):
            try:
                return self._decode(unscaled, tiled=False)
            except OutOfMemory:
                pass  # less was free than it seemed; tiles may fit all the same
        return self._decode(unscaled, tiled=True)

    def peak_bytes(self, latents: torch.Tensor) -> int:
        """What a decode in one piece takes beside the weights, as predicted."""
        pixels = latents.shape[-2] * latents.shape[-1] * self._geometry.scale**2
        return self._geometry.decode_bytes(pixels, latents.element_size())

    def _fits(self, latents: torch.Tensor) -> bool:
        free = free_bytes(latents.device)
        return free is None or self.peak_bytes(latents) <= free

    def _decode(self, latents: torch.Tensor, tiled: bool) -> torch.Tensor:
        self.vae.use_tiling = tiled
        image: torch.Tensor = guarded(lambda: self.vae.decode(latents, return_dict=False)[0])
        return image

    def _unscaled(self, latents: torch.Tensor) -> torch.Tensor:
        config = self.vae.config
        if config.latents_mean is None or config.latents_std is None:
            return latents / config.scaling_factor
        mean, std = (
            torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )
        return latents * std / config.scaling_factor + mean
