"""Runs operations on tensors of shapes alone, and remembers what comes out.

torch works out many such shapes in Python, which takes several times as long as the rest of a
launch; a model asks for few different ones.
"""

from functools import cache
from typing import Any

import torch

aten = torch.ops.aten
VIEWS = {aten._unsafe_view.default}  # of those that do not say that they are


class Shapes:
    """``run`` does what an operation does to meta tensors."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if not _makes_new_tensors(func):
            return func(*args, **kwargs)
        key = func, _key(args), _key(tuple(kwargs.items()))
        known = self._known.get(key)
        if known is not None:
            return _empty(known)
        result = func(*args, **kwargs)
        self._known[key] = _layout(result)
        return result


@cache
def computes(func: Any) -> bool:
    """False for views, and for what makes memory without filling it: they launch no kernel."""
    written = [part.alias_info for part in func._schema.arguments if part.alias_info is not None]
    is_view = func in VIEWS or any(not each.is_write for each in written)
    return not is_view and not func.__name__.startswith("empty")


@cache
def _makes_new_tensors(func: Any) -> bool:
    """False for views, and for what writes into its arguments."""
    parts = [*func._schema.arguments, *func._schema.returns]
    return func not in VIEWS and all(part.alias_info is None for part in parts)


def _key(each: Any) -> Any:
    if isinstance(each, torch.Tensor):
        return each.shape, each.stride(), each.dtype, each.device.type
    if isinstance(each, list | tuple):
        return tuple(map(_key, each))
    return type(each), each  # 1 and True are equal


def _layout(result: Any) -> Any:
    """None for what is not a tensor or several of them."""
    if isinstance(result, torch.Tensor):
        return result.shape, result.stride(), result.dtype
    if isinstance(result, tuple) and all(isinstance(each, torch.Tensor) for each in result):
        return [_layout(each) for each in result]
    return None


def _empty(layout: Any) -> Any:
    if isinstance(layout, list):
        return tuple(map(_empty, layout))
    shape, stride, dtype = layout
    return torch.empty_strided(shape, stride, dtype=dtype, device="meta")
