"""A simulated CUDA card on a CPU build of torch: tensors say "cuda:0", their values are here.

Checks devices as CUDA does, counts what the host waits for and what is launched, has a capacity,
and raises torch.OutOfMemoryError. It is for a process of its own: what it changes stays changed.
It knows nothing of kernels: numbers are a CPU's, and workspaces are not counted.
"""

import ctypes
import traceback
import weakref
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

BLOCK = 512  # bytes, CUDA's smallest
aten = torch.ops.aten
CROSSING = {aten.copy_.default, aten._to_copy.default, aten._copy_from.default}
INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
# Their result's shape or value is on the card, and the host needs it.
WAITING = {
    aten.equal.default,
    aten.nonzero.default,
    aten.is_nonzero.default,
    aten.masked_select.default,
}


@dataclass
class Card:
    """``waits`` counts by place what the host waited for; ``fail_at`` makes one allocation fail."""

    capacity: int = 10**12
    capability: tuple[int, int] = (8, 6)
    count: int = 1
    live: int = 0
    peak: int = 0
    launches: int = 0
    allocations: int = 0
    fail_at: int | None = None
    waits: Counter[str] = field(default_factory=Counter)
    _sizes: dict[int, int] = field(default_factory=dict)

    def reset(self) -> None:
        self.peak, self.launches, self.allocations, self.waits = self.live, 0, 0, Counter()

    def take(self, tensor: torch.Tensor) -> None:
        """Counts a tensor's memory until it is freed. Raises torch.OutOfMemoryError."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        number, self.allocations = self.allocations, self.allocations + 1
        if self.live + size > self.capacity or number == self.fail_at:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")
        self._sizes[key] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._drop, key)

    def wait(self, why: str) -> None:
        ours = [
            f"{Path(frame.filename).name}:{frame.name}"
            for frame in traceback.extract_stack()
            if "/torch/" not in frame.filename and Path(frame.filename) != Path(__file__)
        ]
        self.waits[f"{why} in {ours[-1]}"] += 1

    def _drop(self, key: int) -> None:
        self.live -= self._sizes.pop(key, 0)


CARD = Card()


class OnCard(torch.Tensor):
    """Says that it is on the card; ``inner`` holds its values here."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor, device: torch.device) -> "OnCard":
        self = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=device,
            requires_grad=False,
        )
        self.inner = inner
        return self  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        CARD.wait("tolist")
        return self.inner.tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError("can't convert a cuda tensor to numpy: copy it to the host first")

    def __deepcopy__(self, memo: Any) -> "OnCard":
        return OnCard(self.inner.clone(), self.device)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return launch(func, args, kwargs or {})


class SimulatedCard(TorchDispatchMode):
    """Inside it, what is asked for on cuda is made there. A mode is of one thread."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket is aten.to:  # handed over whole where no gradient is recorded
            with self:
                return func.decompose(*args, **kwargs)
        asked = kwargs.get("device")
        is_asked = asked is not None and torch.device(asked).type == "cuda"
        if is_asked or any(isinstance(each, OnCard) for each in tree_leaves((args, kwargs))):
            return launch(func, args, kwargs)
        return func(*args, **kwargs)


def launch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Runs one operation of torch's as the card would."""
    leaves = tree_leaves((args, kwargs))
    tensors = [each for each in leaves if isinstance(each, torch.Tensor)]
    there = [each for each in tensors if isinstance(each, OnCard)]
    to = _target(kwargs.get("device"), there)
    if func is aten._local_scalar_dense.default:
        CARD.wait("item")
        return there[0].inner.item()
    if func in WAITING:
        CARD.wait(str(func))
    if there and kwargs.get("device") is None and func not in CROSSING:
        _check_devices(func, tensors, to)
    if there and func in CROSSING and (to is None or to.type == "cpu" or _leaves_card(func, args)):
        CARD.wait("copy to host")
    inner_args, inner = tree_map(_inner, (args, kwargs))
    if kwargs.get("device") is not None:
        inner["device"] = torch.device("cpu")
    inner.pop("pin_memory", None)
    guard = torch._C._DisableTorchDispatch()  # type: ignore[attr-defined]
    try:
        result = func(*inner_args, **inner)
    finally:
        del guard
    CARD.launches += 1
    if to is None or to.type != "cuda":
        return result
    known = {id(each.inner): each for each in there}
    return tree_map(lambda each: _outer(each, to, known), result)


def _target(asked: Any, there: list[OnCard]) -> torch.device | None:
    if asked is None:
        return there[0].device if there else None
    device = torch.device(asked)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _leaves_card(func: Any, args: Any) -> bool:
    return func is aten.copy_.default and not isinstance(args[0], OnCard)


def _check_devices(func: Any, tensors: list[torch.Tensor], to: torch.device | None) -> None:
    for tensor in tensors:
        if not isinstance(tensor, OnCard) and (tensor.dim() == 0 or func in INDEXING):
            if tensor.dim():
                CARD.wait("an index on the host")
        elif tensor.device != to:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices,"
                f" {to} and {tensor.device}! ({func})"
            )


def _inner(each: Any) -> Any:
    return each.inner if isinstance(each, OnCard) else each


def _outer(each: Any, device: torch.device, known: dict[int, OnCard]) -> Any:
    if not isinstance(each, torch.Tensor) or isinstance(each, OnCard):
        return each
    if id(each) in known:
        return known[id(each)]
    CARD.take(each)
    return OnCard(each, device)


def insert(card: Card, guard: Path) -> None:
    """Has torch find the card from now on; ``guard`` is the library built from guard.cpp."""
    global CARD
    CARD = card
    ctypes.CDLL(str(guard)).install_guard()
    torch._C._set_only_lift_cpu_tensors(True)  # type: ignore[attr-defined]
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    # Wrappers cannot be viewed in inference mode.
    torch.inference_mode = lambda mode=True: torch.no_grad()  # type: ignore[assignment,misc]
    cuda = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: card.count,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "_lazy_init": lambda: None,
        "get_arch_list": lambda: ["sm_75", "sm_80", "sm_86", "sm_90"],
        "get_device_capability": lambda device=None: card.capability,
        "mem_get_info": lambda device=None: (card.capacity - card.live, card.capacity),
        "memory_reserved": lambda device=None: card.live,
        "memory_allocated": lambda device=None: card.live,
        "empty_cache": lambda: None,
        "synchronize": lambda device=None: None,
    }
    for name, stand_in in cuda.items():
        setattr(torch.cuda, name, stand_in)
    torch.Tensor.pin_memory = lambda self, *_: self.clone()  # type: ignore[assignment,method-assign]
