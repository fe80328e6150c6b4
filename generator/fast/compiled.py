"""torch.compile of a module's forward, for one size and any number of rows.

The kernels are written to disk by a process of its own, so that the thread that owns the model
only reads them.
"""

import logging
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from generator.fast.candidate import Forward

log = logging.getLogger(__name__)


class Compiled(Forward):
    """``ahead`` makes the command that fills the disk cache, or None if there is no room for it.

    ``size`` is the height and width, in latents, for which it compiles: any number of rows but
    one, or one alone if ``one_row``. All else goes the way of before, as no request is to wait for
    a compiler.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        size: Sequence[int],
        ahead: Callable[[], Sequence[str] | None],
        one_row: bool = False,
    ) -> None:
        super().__init__(f"{name} compiled", module)
        self.size = tuple(size)
        self.ahead = ahead
        self.one_row = one_row
        self._process: subprocess.Popen[bytes] | None = None
        self._is_prepared = False
        self._compiled: Callable[..., Any] | None = None

    def is_prepared(self) -> bool:
        if self._process is None and not self._is_prepared:
            self._process = self._begin()
        self._is_prepared = self._process is None or self._process.poll() is not None
        return self._is_prepared

    def _begin(self) -> "subprocess.Popen[bytes] | None":
        """The process that has begun; None if there is none: it is then compiled here."""
        try:
            command = self.ahead()
            return _start(command) if command else None
        except Exception:  # the engine asks between two images, and must outlive it
            log.warning("nothing is compiled ahead", exc_info=True)
            return None

    def around(self, before: Callable[..., Any]) -> Callable[..., Any]:
        # Once: it is turned on and off often while it is judged.
        compiled = self._compiled = self._compiled or torch.compile(before, fullgraph=True)

        def forward(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
            if tuple(sample.shape[-2:]) != self.size or (len(sample) == 1) is not self.one_row:
                return before(sample, *args, **options)
            if not self.one_row:
                _let_rows_vary((sample, args, options))
            return compiled(sample, *args, **options)

        return forward


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    nowhere = subprocess.DEVNULL
    # Of its input we hold the other end: it ends with us.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)


def _let_rows_vary(values: Any) -> None:
    """Of all tensors in ``values``, however deep: one compilation then serves every batch."""
    for leaf in torch.utils._pytree.tree_leaves(values):
        if isinstance(leaf, torch.Tensor):
            torch._dynamo.maybe_mark_dynamic(leaf, 0)
