"""The order to compile a UNet ahead, for ``python -m generator.fast``, a process of its own."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch.nn.attention import SDPBackend

from generator.fast.candidate import Attention, ChannelsLast
from generator.fast.compiled import compiled
from generator.unet_inputs import UNetInputs
from models_cache.runtime.device import pick_device


@dataclass(frozen=True, slots=True)
class Order:
    """``config`` is the UNet's; ``size`` is in latents; ``dtype`` as torch names it."""

    config: Mapping[str, Any]
    device: str
    dtype: str
    timestep_dtype: str
    size: tuple[int, int]
    rows: Sequence[int]  # of the batches that may come, the fewest first, as the judge calls it
    tokens: int
    pooled_width: int
    channels_last: bool
    attention: Sequence[str]  # the kernels that were adopted, in that order

    def command(self) -> list[str]:
        return [sys.executable, "-m", "generator.fast", json.dumps(asdict(self))]

    def carry_out(self) -> None:
        """Fills torch's disk cache. Kernels depend on no weights, so these are random."""
        pick_device(self.device)  # as many threads as the server's: kernels depend on that too
        torch.set_default_dtype(getattr(torch, self.dtype))  # in fp32 it would need twice the room
        with torch.device(self.device):
            unet = UNet2DConditionModel.from_config(self.config)
        torch.set_default_dtype(torch.float32)
        unet.eval().requires_grad_(False)
        if self.channels_last:
            ChannelsLast("UNet", unet).turn_on()
        for kernel in self.attention:
            Attention(SDPBackend.__members__[kernel]).turn_on()
        unet.forward = compiled(unet.forward, tuple(self.size))
        # Weights that were made in inference mode would make another graph.
        with torch.inference_mode():
            for rows in self.rows:  # mostly one compilation serves them all
                self.inputs(unet, rows).forward(unet)

    def inputs(self, unet: UNet2DConditionModel, rows: int) -> UNetInputs:
        """Zeros in the shapes of so many rows."""
        config, place = unet.config, {"device": self.device, "dtype": getattr(torch, self.dtype)}
        return UNetInputs(
            torch.zeros(rows, config.in_channels, *self.size, **place),
            torch.zeros(rows, device=self.device, dtype=getattr(torch, self.timestep_dtype)),
            torch.zeros(rows, self.tokens, config.cross_attention_dim, **place),
            {
                "text_embeds": torch.zeros(rows, self.pooled_width, **place),
                "time_ids": torch.zeros(rows, 6, **place),
            },
        )
