"""What the judge compares: forwards of the UNet and of the VAE's decoder, on fixed inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from generator.sample import Sample
from generator.unet_inputs import UNetInputs
from models_cache.runtime.device import free_bytes, naming_out_of_memory
from models_cache.runtime.trial import timed

# Times what the plain path itself differs between batch sizes: so much is no one's fault.
ALLOWED = 3
# Units in the last place by which a network's sums differ if they are added up in another order.
LAST_PLACES = 64
# Of the mean difference of two images, in levels of 255: nobody sees it.
LEVELS = 0.5


class UNetBench:
    """Forwards of one sample's rows and of all samples', at the first, middle and last timestep.

    Made while nothing is on: it measures what the plain path itself differs between batch sizes.
    ``step_bytes`` is what a forward of one sample takes beside the weights.
    """

    def __init__(self, unet: Any, samples: Sequence[Sample], step_bytes: int) -> None:
        self.unet = unet
        rows = len(samples[0].prompt_embeds)
        self.sizes = sorted({rows, rows * len(samples)})
        self.inputs = UNetInputs.of(samples)
        steps = samples[0].timesteps
        self.timesteps = [steps[0], steps[len(steps) // 2], steps[-1]]
        self.needed_bytes = step_bytes * len(samples)
        self.device = self.inputs.latents.device
        self.allowed = self._differences_by_batching()

    def outputs(self) -> list[torch.Tensor]:
        """Of the fewest rows."""
        few = self.inputs.first(self.sizes[0])
        return [self._forward(few.at(timestep)) for timestep in self.timesteps]

    def difference(self, expected: Sequence[torch.Tensor], got: Sequence[torch.Tensor]) -> str:
        if not all(bool(each.isfinite().all()) for each in got):
            return "it gives NaN or infinity"
        for plain, fast, allowed in zip(expected, got, self.allowed, strict=True):
            differs = _most(plain, fast)
            if differs > allowed:
                return f"it differs by {differs:.2g} where {allowed:.2g} is allowed"
        return ""

    def seconds(self, size: int) -> float:
        inputs = self.inputs.first(size)
        return timed(self.device, lambda: self._forward(inputs))

    def problem(self) -> str:
        free = free_bytes(self.device)
        return "there is no room to try it" if free and free < self.needed_bytes else ""

    def _forward(self, inputs: UNetInputs) -> torch.Tensor:
        """Raises OutOfMemory."""
        return naming_out_of_memory(lambda: inputs.forward(self.unet))

    def _differences_by_batching(self) -> list[float]:
        """What may differ, by timestep: as much as one sample's numbers do beside others."""
        many = [self._forward(self.inputs.at(each)) for each in self.timesteps]
        return [
            max(ALLOWED * _most(few, each[: len(few)]), _rounding(few))
            for few, each in zip(self.outputs(), many, strict=True)
        ]


class DecodeBench:
    """Decodes of one image: latents of about the size of true ones, from a fixed seed."""

    sizes = (1,)

    def __init__(self, decode: Callable[[torch.Tensor], torch.Tensor], sample: Sample) -> None:
        self.decode = decode
        rng = torch.Generator("cpu").manual_seed(0)
        latents = torch.randn(sample.latents.shape, generator=rng)
        self.latents = latents.to(sample.latents.device, sample.latents.dtype)

    def outputs(self) -> list[torch.Tensor]:
        """Pixels, about [-1, 1]."""
        return [self.decode(self.latents)]

    def difference(self, expected: Sequence[torch.Tensor], got: Sequence[torch.Tensor]) -> str:
        [plain], [fast] = expected, got
        if not bool(fast.isfinite().all()):
            return "it gives NaN or infinity"
        levels = (plain.float() - fast.float()).abs().mean().item() * 127.5
        return "" if levels <= LEVELS else f"its image differs by {levels:.2g} levels of 255"

    def seconds(self, size: int) -> float:
        return timed(self.latents.device, lambda: self.decode(self.latents))

    def problem(self) -> str:
        """The decoder itself looks for room, and takes tiles if there is little."""
        return ""


def _most(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().max())


def _rounding(values: torch.Tensor) -> float:
    return LAST_PLACES * float(torch.finfo(values.dtype).eps * values.float().abs().max())
