"""The largest numbers that a model's parts give, which fp16 has to hold: it ends at 65504."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from generator.request import GenerationRequest
from generator.sdxl import SDXL
from scripts.gpu_reports.finding import Finding, finite


def of_generator(sdxl: SDXL, request: GenerationRequest) -> Iterator[Finding]:
    """By part: in its prompt, in its first step and in its decode."""
    names = ("text_encoder", "text_encoder_2", "unet", "vae")
    parts = {name: getattr(sdxl.pipeline, name) for name in names}

    def paint() -> None:
        [sample] = sdxl.prepare([request])
        sdxl.denoise([sample])
        sdxl.decode([sample])

    for name, largest in largest_in(parts, paint).items():
        yield Finding(f"largest activation of {name}, {parts[name].dtype}", finite(largest))


def largest_in(parts: Mapping[str, nn.Module], call: Callable[[], None]) -> dict[str, float]:
    """What any module of each part gives at most while ``call`` runs; infinite if one is not."""
    with ExitStack() as stack:
        peaks = {name: stack.enter_context(watched(part)) for name, part in parts.items()}
        call()
    return {name: max((float(peak) for peak in each), default=0.0) for name, each in peaks.items()}


@contextmanager
def watched(part: nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list of each output's largest magnitude, which stay on the device: nothing waits."""
    peaks: list[torch.Tensor] = []

    def look(module: nn.Module, given: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, torch.Tensor) and first.is_floating_point():
            peaks.append(first.detach().abs().max().float().nan_to_num(nan=torch.inf))

    hooks = [module.register_forward_hook(look) for module in part.modules()]
    try:
        yield peaks
    finally:
        for hook in hooks:
            hook.remove()
