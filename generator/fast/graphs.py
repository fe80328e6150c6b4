"""CUDA graphs: a whole forward launched by one call, where thousands of kernels were before."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from generator.fast.candidate import Forward
from models_cache.runtime.cuda_graph import Capture, capture_on_cuda
from models_cache.runtime.device import free, wait_for_launched

log = logging.getLogger(__name__)

MOST_GRAPHS = 8  # numbers of rows at one or two sizes
IDLE_CALLS = 200  # after so many others a graph may give way, or room be looked for again

Leaves = list[Any]
Replay = Callable[[Leaves], Any]


class Graphs(Forward):
    """A graph for each set of shapes that comes again to a forward; the least used goes first.

    They stay while it is off, as it is turned on and off often while it is judged. ``capture`` is
    given a call without arguments, and returns what replays it and the result to be filled.
    ``has_room`` is asked before, with the latents of a forward.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        capture: Capture | None = None,
        has_room: Callable[[torch.Tensor], bool] = lambda latents: True,
    ) -> None:
        super().__init__(f"CUDA graphs of the {name}", module)
        self._capture = capture or capture_on_cuda
        self._has_room = has_room
        self._replays: OrderedDict[Any, Replay] = OrderedDict()
        self._used: dict[Any, int] = {}  # the call that was the last of each graph
        self._calls = 0
        self._seen: set[Any] = set()
        self._failed: set[Any] = set()
        self._not_before: dict[Any, int] = {}  # the call, of those that found no room

    def around(self, before: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **options: Any) -> Any:
            leaves, spec = torch.utils._pytree.tree_flatten((args, options))
            key = before, tuple(_kind(leaf) for leaf in leaves), spec
            self._calls += 1
            if key not in self._replays and self._is_worth_it(key) and self._fits(key, leaves[0]):
                self._record(key, before, leaves, spec)
            if key not in self._replays:
                return before(*args, **options)
            self._replays.move_to_end(key)
            self._used[key] = self._calls
            return self._replays[key](leaves)

        return forward

    def forget(self) -> None:
        if self._replays:
            wait_for_launched()
        for each in (self._replays, self._used, self._seen, self._failed, self._not_before):
            each.clear()

    def forget_unused(self) -> None:
        self._replays = OrderedDict(
            (key, each) for key, each in self._replays.items() if key[0] == self.before
        )

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Off inside; afterwards on again, if it was, over what then lies beneath it."""
        is_on = self.before is not None
        self.turn_off()
        try:
            yield
        finally:
            if is_on:
                self.turn_on()

    def _is_worth_it(self, key: Any) -> bool:
        """The second time, as many shapes come once; and if a place is free, or idle."""
        is_known = key in self._seen and key not in self._failed
        self._seen.add(key)
        return is_known and (len(self._replays) < MOST_GRAPHS or self._oldest_is_idle())

    def _fits(self, key: Any, latents: torch.Tensor) -> bool:
        """Not asked at each call: the answer is read off all blocks of memory."""
        if self._calls < self._not_before.get(key, 0):
            return False
        fits = self._has_room(latents)
        if not fits:
            self.lacked_room = True
            self._not_before[key] = self._calls + IDLE_CALLS
        return fits

    def _oldest_is_idle(self) -> bool:
        return self._calls - self._used[next(iter(self._replays))] > IDLE_CALLS

    def _record(self, key: Any, before: Callable[..., Any], leaves: Leaves, spec: Any) -> None:
        """If it cannot be captured, as for want of room, it is not tried again."""
        while len(self._replays) >= MOST_GRAPHS:
            wait_for_launched()  # which may be a replay of it
            self._replays.popitem(last=False)
        try:
            self._replays[key] = self._recorded(before, leaves, spec)
        except Exception:
            log.warning("a forward is not captured as a graph", exc_info=True)
            self._failed.add(key)
        if key in self._failed:  # out here, as a traceback holds tensors
            free()

    def _recorded(self, before: Callable[..., Any], leaves: Leaves, spec: Any) -> Replay:
        held = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        args, options = torch.utils._pytree.tree_unflatten(held, spec)
        replay, result = self._capture(lambda: before(*args, **options))

        def run(leaves: Leaves) -> Any:
            for place, leaf in zip(held, leaves, strict=True):
                if isinstance(place, torch.Tensor):
                    place.copy_(leaf)
            replay()
            # A copy: the next replay writes over the graph's own.
            return torch.utils._pytree.tree_map(_copy, result)

        return run


def _kind(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return tuple(leaf.shape), leaf.dtype, leaf.stride()
    return leaf


def _copy(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf
