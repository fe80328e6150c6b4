"""Latents become pixels: all in one piece if there is room for that, tile by tile if not."""

import logging

import torch
from diffusers import AutoencoderKL

from models_cache.runtime.device import OutOfMemory, free_bytes, naming_out_of_memory
from models_cache.runtime.gpu_fit import Geometry

log = logging.getLogger(__name__)

# What a decode may take, as predicted, and still be faster in company. Eight images of the demo
# model's 128x128, of 10 MB each, took 0.81 to 0.92 of the processor time two by two, 0.82 to 1.01
# four by four, and 0.96 to 1.2 all together (four runs beside other work): their tensors leave the
# caches. A large image fills a device alone.
COMPANY_BYTES = 24_000_000


class Decoder:
    """The VAE's decoder, which in one piece takes more memory than anything else.

    diffusers' own ``enable_tiling`` would tile only images larger than the size trained on, so
    never SDXL's 1024x1024. Here tiles are half as wide, and used only if they have to be.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        self.vae = vae
        self.geometry = Geometry.of({}, vae.config)
        vae.tile_sample_min_size = self.geometry.tile_side
        vae.tile_latent_min_size = self.geometry.tile_side // self.geometry.scale

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels (N, 3, height, width) in fp32, about [-1, 1].

        What leaves the range of fp16 is decoded again in fp32, and so is all that comes later.
        Raises OutOfMemory if tiles do not fit.
        """
        image = self._decode_normalised(latents).float()
        if self.vae.dtype is torch.float16 and not image.isfinite().all():
            log.warning("the VAE leaves the range of fp16: from now on it decodes in fp32")
            self._widen()
            return self._decode_normalised(latents)
        return image

    def _widen(self) -> None:
        try:
            self.vae.to(torch.float32)
        except BaseException:  # where memory ran out, half of it would stay in each
            self.vae.to(torch.float16)
            raise

    def _decode_normalised(self, latents: torch.Tensor) -> torch.Tensor:
        config, latents = self.vae.config, latents.to(self.vae.dtype)
        if config.latents_mean is not None and config.latents_std is not None:
            mean, std = (
                torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)
                for values in (config.latents_mean, config.latents_std)
            )
            latents = latents * std / config.scaling_factor + mean
        else:
            latents = latents / config.scaling_factor
        return self._decode_scaled(latents)

    def batch_size(self, latents: torch.Tensor) -> int:
        """How many latents of this size are decoded fastest in one call."""
        return max(1, COMPANY_BYTES // self._peak_bytes(latents))

    def _peak_bytes(self, latents: torch.Tensor) -> int:
        """For one image in one piece."""
        pixels = latents.shape[-2:].numel() * self.geometry.scale**2
        return self.geometry.decode_bytes(pixels, self.vae.dtype.itemsize)

    def _decode_scaled(self, latents: torch.Tensor) -> torch.Tensor:
        free = free_bytes(latents.device)
        if free is None or len(latents) * self._peak_bytes(latents) <= free:
            try:
                return self._decode(latents, tiled=False)
            except OutOfMemory:
                pass  # less was free than it seemed; tiles may still fit
        if len(latents) > 1:
            return torch.cat([self._decode_scaled(each) for each in latents.split(1)])
        return self._decode(latents, tiled=True)

    def _decode(self, latents: torch.Tensor, tiled: bool) -> torch.Tensor:
        self.vae.use_tiling = tiled
        image: torch.Tensor = naming_out_of_memory(
            lambda: self.vae.decode(latents, return_dict=False)[0]
        )
        return image
