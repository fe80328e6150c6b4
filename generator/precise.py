"""Lets a network compute in fp32 on half-precision weights: layer by layer, so in little room."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def precise(network: nn.Module) -> Iterator[None]:
    """Each layer's weights are fp32 while it computes; its inputs have to be fp32 already.

    The parameters stay the objects that they were, at the addresses that they had.
    """
    with ExitStack() as hooks:
        for layer in network.modules():
            if any(True for _ in layer.parameters(recurse=False)):
                widened = _Widened()
                for handle in (
                    layer.register_forward_pre_hook(widened.enter),
                    layer.register_forward_hook(widened.leave, always_call=True),
                ):
                    hooks.callback(handle.remove)
        yield


class _Widened:
    """The hooks of one layer."""

    def __init__(self) -> None:
        self.stored: dict[str, nn.Parameter | None] = {}

    def enter(self, layer: nn.Module, inputs: Any) -> None:
        self.stored = dict(layer._parameters)
        for name, parameter in self.stored.items():
            if parameter is not None:
                wide = parameter.to(torch.float32)
                layer._parameters[name] = nn.Parameter(wide, requires_grad=False)

    def leave(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        layer._parameters.update(self.stored)
