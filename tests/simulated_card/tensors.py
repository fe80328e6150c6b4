"""Tensors that say "cuda:0" on a CPU build of torch, and one operation on them after the other.

Devices are checked as CUDA does. Where the card has no values, its tensors are on "meta" beneath,
and the host reads zeros from it, True from an ``all``, and otherwise False, as if there were more
words to come, until it has asked WORDS times.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from simulated_card.card import Card
from simulated_card.shapes import Shapes, computes

aten = torch.ops.aten
COPYING = {aten.copy_.default, aten._to_copy.default}
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
SHAPES = Shapes()
WORDS = 10
ALL = {aten.all.default, aten.all.dim}


class OnCard(torch.Tensor):
    """Says that it is on the card; ``inner`` holds its values here, or its shape alone."""

    card = Card()
    inner: torch.Tensor
    is_all = False

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
        self.card.wait("tolist")
        return self.on_host().tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError("can't convert a cuda tensor to numpy: copy it to the host first")

    def value(self) -> Any:
        if self.inner.is_meta and self.dtype is torch.bool and not self.is_all:
            self.card.answers += 1
            return self.card.answers % WORDS == 0
        return self.on_host().item()

    def on_host(self, dtype: torch.dtype | None = None) -> torch.Tensor:
        dtype = dtype or self.dtype
        if self.inner.is_meta:
            return torch.full(self.shape, self.is_all, dtype=dtype, device="cpu")
        return self.inner.to(dtype, copy=True)

    def __deepcopy__(self, memo: Any) -> "OnCard":
        return OnCard(self.inner.clone(), self.device)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return launch(func, args, kwargs or {})


class SimulatedCard(TorchDispatchMode):
    """Inside it, what is asked for on cuda is made there. A mode is of one thread."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: nothing is compiled here, and torch._dynamo would take longer than a launch."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket is aten.to:  # handed over whole where no gradient is recorded
            with self:
                return func.decompose(*args, **kwargs)
        if OnCard in types or _is_cuda(kwargs):
            return launch(func, args, kwargs)
        return func(*args, **kwargs)


def launch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Runs one operation of torch's as the card would."""
    card = OnCard.card
    tensors = list(_tensors((args, kwargs)))
    there = [each for each in tensors if isinstance(each, OnCard)]
    if func is aten._local_scalar_dense.default:
        card.wait("item")
        return there[0].value()
    if func in COPYING:
        source = tensors[-1]
        was_there, is_there = isinstance(source, OnCard), _ends_there(func, args, kwargs)
        if was_there and not is_there:
            if not (_is_non_blocking(args, kwargs) and hasattr(args[0], "is_pinned_here")):
                card.wait("copy to host")
            return _to_host(func, args, kwargs)
        # Without ``non_blocking`` torch waits for all that was launched before.
        if is_there and not was_there and source.numel() and not _is_non_blocking(args, kwargs):
            card.wait("copy to card")
    elif there and kwargs.get("device") is None:
        _check_devices(func, tensors, there[0].device)
    if func in WAITING:
        card.wait(str(func))
        if func is aten.equal.default and not card.has_values:  # zeros, as all that is read
            return True
    result = _run(func, args, kwargs)
    card.launched += computes(func)
    known = {id(each.inner): each for each in there}
    device = _device(kwargs["device"]) if kwargs.get("device") else there[0].device
    if device.type != "cuda":
        return result
    outer = _map(result, lambda each: _outer(each, device, known))
    if func in ALL:
        outer.is_all = True
    if func is aten.convolution.default:
        card.work_beside(args[0].nbytes + result.nbytes)
    return outer


@cache
def _device(asked: Any) -> torch.device:
    device = torch.device(asked)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _is_cuda(kwargs: dict[str, Any]) -> bool:
    asked = kwargs.get("device")
    return asked is not None and _device(asked).type == "cuda"


def _ends_there(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    if func is aten.copy_.default or kwargs.get("device") is None:
        return isinstance(args[0], OnCard)
    return _is_cuda(kwargs)


def _is_non_blocking(args: Any, kwargs: dict[str, Any]) -> bool:
    return bool(kwargs.get("non_blocking") or args[2:3] == (True,))


def _to_host(func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
    if func is aten.copy_.default:
        args[0].copy_(args[1].on_host())
        return args[0]  # type: ignore[no-any-return]
    return args[0].on_host(kwargs.get("dtype"))  # type: ignore[no-any-return]


def _check_devices(func: Any, tensors: list[torch.Tensor], to: torch.device) -> None:
    for tensor in tensors:
        if not isinstance(tensor, OnCard) and (tensor.dim() == 0 or func in INDEXING):
            if tensor.dim():
                OnCard.card.wait("an index on the host")
        elif tensor.device != to:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices,"
                f" {to} and {tensor.device}! ({func})"
            )


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """On the tensors beneath."""
    beneath = {key: _map(value, _inner) for key, value in kwargs.items() if key != "pin_memory"}
    if _is_cuda(kwargs):
        beneath["device"] = torch.device("cpu" if OnCard.card.has_values else "meta")
    guard = torch._C._DisableTorchDispatch()  # type: ignore[attr-defined]
    try:
        if OnCard.card.has_values:
            return func(*_map(args, _inner), **beneath)
        return SHAPES.run(func, _map(args, _inner), beneath)
    finally:
        del guard


def _inner(each: torch.Tensor) -> torch.Tensor:
    return each.inner if isinstance(each, OnCard) else each


def _outer(each: torch.Tensor, device: torch.device, known: dict[int, OnCard]) -> OnCard:
    if id(each) in known:
        return known[id(each)]
    OnCard.card.take(each)
    return OnCard(each, device)


def _tensors(each: Any) -> Iterator[torch.Tensor]:
    """Those among the arguments of an operation. torch's own pytree takes several times as long."""
    for part in each.values() if isinstance(each, dict) else each:
        if isinstance(part, torch.Tensor):
            yield part
        elif isinstance(part, list | tuple | dict):
            yield from _tensors(part)


def _map(each: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same arguments or results with their tensors changed."""
    if isinstance(each, torch.Tensor):
        return change(each)
    if isinstance(each, list | tuple):
        return type(each)([_map(part, change) for part in each])
    return each
