"""Weights that wait in host memory and are on the device only while they are used.

accelerate's ``cpu_offload_with_hook`` does the same, but copies the weights back to the host each
time, where they already are, and to memory that is not pinned. Weights do not change here: coming
in is one copy, at the full speed of the bus, and leaving is none.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import nn

log = logging.getLogger(__name__)

UNPINNED = "no more host memory can be pinned: weights will come in more slowly"


@dataclass(frozen=True, slots=True)
class Slot:
    """The place in which a module keeps one of its tensors."""

    holder: dict[str, torch.Tensor | None]
    name: str
    host: torch.Tensor


class Offload:
    """A context manager: inside it, the modules' weights are on ``device``.

    It can be entered again, though not from within, and only by the thread that owns the modules.
    """

    def __init__(self, modules: list[nn.Module], device: torch.device) -> None:
        self.device = device
        self._slots = list(_slots(modules))
        if device.type == "cuda":
            _pin(slot.host for slot in self._slots)

    def __enter__(self) -> None:
        try:
            self._come()
        except BaseException:
            # Python calls no __exit__ then, and half of the weights would stay where room is short.
            self._leave()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def _come(self) -> None:
        # By identity: what modules share comes in once, and is shared there too.
        here: dict[int, torch.Tensor] = {}
        for slot in self._slots:
            if id(slot.host) not in here:
                here[id(slot.host)] = _like(slot.host, self.device)
            slot.holder[slot.name] = here[id(slot.host)]

    def _leave(self) -> None:
        for slot in self._slots:
            slot.holder[slot.name] = slot.host


def _slots(modules: list[nn.Module]) -> Iterator[Slot]:
    """Puts every tensor into host memory, one by one: nothing is there twice for long."""
    for module in (part for each in modules for part in each.modules()):
        for holder in (module._parameters, module._buffers):
            for name, tensor in holder.items():
                if tensor is not None:
                    tensor.data = tensor.data.to("cpu")
                    yield Slot(holder, name, tensor)


def _pin(tensors: Iterable[torch.Tensor]) -> None:
    """Moves their data to memory that the device can read by itself, as far as there is any.

    Systems bound such memory, WSL tightly. Other memory serves as well, and is slower to copy.
    """
    for tensor in {id(each): each for each in tensors}.values():
        try:
            tensor.data = tensor.data.pin_memory()
        except RuntimeError:
            log.warning(UNPINNED, exc_info=True)
            return


def _like(host: torch.Tensor, device: torch.device) -> torch.Tensor:
    moved = host.data.to(device, non_blocking=True)
    return nn.Parameter(moved, requires_grad=False) if isinstance(host, nn.Parameter) else moved
