"""Has torch find the simulated card. What it changes stays changed: for a process of its own."""

import ctypes
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from simulated_card.card import Card
from simulated_card.tensors import OnCard, launch

NAME = "a simulated card"
ARCHITECTURES = ["sm_75", "sm_80", "sm_86", "sm_90"]


def insert(card: Card, guard: Path) -> None:
    """``guard`` is the library built from guard.cpp."""
    OnCard.card = card
    ctypes.CDLL(str(guard)).install_guard()
    torch._C._set_only_lift_cpu_tensors(True)  # type: ignore[attr-defined]
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    # Wrappers cannot be viewed in inference mode.
    torch.inference_mode = lambda mode=True: torch.no_grad()  # type: ignore[assignment,misc]
    torch.Tensor.pin_memory = pinned  # type: ignore[assignment,method-assign]
    torch.nn.functional.scaled_dot_product_attention = fused_attention
    torch.UntypedStorage.from_file = partial(storage, card)  # type: ignore[method-assign,assignment]
    for name, stand_in in _of_cuda(card).items():
        setattr(torch.cuda, name, stand_in)


def _of_cuda(card: Card) -> dict[str, Any]:
    """By the names of ``torch.cuda``."""
    return {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: card.count,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "_lazy_init": lambda: None,
        "get_arch_list": lambda: ARCHITECTURES,
        "get_device_name": lambda device=None: NAME,
        "get_device_properties": lambda device=None: _properties(card),
        "get_device_capability": lambda device=None: card.capability,
        "mem_get_info": lambda device=None: (card.capacity - card.live, card.capacity),
        "memory_reserved": lambda device=None: card.live,
        "memory_allocated": lambda device=None: card.live,
        "max_memory_allocated": lambda device=None: card.peak,
        "max_memory_reserved": lambda device=None: card.peak,
        "reset_peak_memory_stats": lambda device=None: card.reset(),
        "empty_cache": lambda: None,
        "set_sync_debug_mode": lambda mode: None,
        "synchronize": lambda device=None: None,
        "current_stream": lambda device=None: SimpleNamespace(
            synchronize=partial(card.wait, "stream")
        ),
        "Event": partial(Event, card),
    }


class Event:
    def __init__(self, card: Card, blocking: bool) -> None:
        self._card = card

    def record(self, stream: Any) -> None:
        self._launched = self._card.launched

    def synchronize(self) -> None:
        self._card.behind.append(self._card.launched - self._launched)


def pinned(tensor: torch.Tensor, *_: Any) -> torch.Tensor:
    tensor.is_pinned_here = True  # type: ignore[attr-defined]
    return tensor


def _properties(card: Card) -> SimpleNamespace:
    major, minor = card.capability
    return SimpleNamespace(
        name=NAME,
        major=major,
        minor=minor,
        total_memory=card.capacity,
        multi_processor_count=1,
    )


from_file = torch.UntypedStorage.from_file
attention = torch.nn.functional.scaled_dot_product_attention


def fused_attention(query: torch.Tensor, *others: Any, **options: Any) -> Any:
    """One kernel, as on a GPU: nothing but its result takes memory."""
    if not isinstance(query, OnCard):
        return attention(query, *others, **options)
    operation = torch.ops.aten.scaled_dot_product_attention.default
    return launch(operation, (query, *others), options)


def storage(card: Card, filename: str, shared: bool, nbytes: int) -> torch.UntypedStorage:
    """A file's content; memory that nobody touches for a card without values.

    Gigabytes of zeros would come from the file's holes through the kernel otherwise.
    """
    if card.has_values:
        return from_file(filename, shared, nbytes)
    return torch.UntypedStorage(nbytes)
