"""The candidates that may make the networks faster: each can be turned on and off again.

They work on the module itself, so nothing that calls it knows of them. All calls are for the thread
that owns the model.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from models_cache.runtime import trial


class Candidate(trial.Candidate, Protocol):
    """``name`` is what the log and ``/about`` call it. One that is off leaves no trace.

    ``lacked_room`` if there was none for all that it would do: its verdict is of this start.
    """

    @property
    def lacked_room(self) -> bool: ...

    def is_prepared(self) -> bool:
        """Whether it can be tried now; False while work for it goes on elsewhere."""

    def forget(self) -> None:
        """Drops what knows where the weights lie: they may move while it is off."""

    def forget_unused(self) -> None:
        """Drops what it made for others that were tried since and are off again."""


class Prepared:
    """What needs no work ahead, and does not know where weights lie."""

    lacked_room = False

    def is_prepared(self) -> bool:
        return True

    def forget(self) -> None:
        pass

    def forget_unused(self) -> None:
        pass


class ChannelsLast(Prepared):
    """The layout in which cuDNN's half-precision convolutions compute: it saves turning to it."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = f"{name} in channels_last"
        self.module = module
        self.is_on = False

    def turn_on(self) -> None:
        self.module.to(memory_format=torch.channels_last)
        self.is_on = True

    def turn_off(self) -> None:
        self.module.to(memory_format=torch.contiguous_format)
        self.is_on = False


class Forward(Prepared):
    """Another ``forward`` in place of a module's own while it is on, around the one before."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self.module = module
        self.before: Callable[..., Any] | None = None

    def turn_on(self) -> None:
        self.before = self.module.forward
        self.module.forward = self.around(self.before)

    def turn_off(self) -> None:
        if self.before is not None:
            self.module.forward, self.before = self.before, None

    def around(self, before: Callable[..., Any]) -> Callable[..., Any]:
        raise NotImplementedError


class Switch(Prepared):
    """A switch of the whole process, though the UNet alone is asked what it does."""


class Attention(Switch):
    """One kernel for all attention: which is fastest depends on the card and the torch build.

    The captioner's own attention calls none of them.
    """

    def __init__(self, backend: SDPBackend) -> None:
        kernel = backend.name.removesuffix("_ATTENTION").lower().replace("_", " ")
        self.name = f"{kernel} attention"
        self.backend = backend
        self.is_on = False
        self._switched = ExitStack()

    def turn_on(self) -> None:
        # The others for what this one refuses, as most do the VAE's one head of 512: by the
        # mathematical kernel alone an image of 1024x1024 takes gigabytes there.
        backends = list(
            dict.fromkeys([self.backend, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
        )
        self._switched.enter_context(sdpa_kernel(backends, set_priority=True))
        self.is_on = True

    def turn_off(self) -> None:
        self._switched.close()
        self.is_on = False


class HalfAccumulation(Switch):
    """Sums of half-precision products in half precision, which GeForce cards are made for.

    The captioner computes so too.
    """

    name = "fp16 accumulation"

    def turn_on(self) -> None:
        torch.backends.cuda.matmul.allow_fp16_accumulation = True

    def turn_off(self) -> None:
        torch.backends.cuda.matmul.allow_fp16_accumulation = False
