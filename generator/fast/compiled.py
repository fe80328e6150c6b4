"""torch.compile of a module's forward, for one size and any number of rows.

The kernels are written to disk by a process of its own, so that the thread that owns the model
only reads them.
"""

import logging
import subprocess
from collections.abc import Callable, Sequence
from tempfile import TemporaryFile
from typing import IO, Any

import torch
from torch import nn

from generator.fast.candidate import Forward
from generator.fast.graphs import Graphs
from models_cache.runtime.trial import NotNow

log = logging.getLogger(__name__)

MOST_CHARACTERS = 4000  # of what the process said


class Compiled(Forward):
    """``ahead`` makes the command that fills the disk cache, or None if there is no room for it.

    ``size`` is the height and width, in latents, for which it compiles, with more than one row. All
    else goes the way of before, as no request is to wait for a compiler. It lies beneath the
    ``graphs``, if they are on.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        size: Sequence[int],
        ahead: Callable[[], Sequence[str] | None],
        graphs: Graphs,
    ) -> None:
        super().__init__(f"{name} compiled", module)
        self.size = tuple(size)
        self.ahead = ahead
        self.graphs = graphs
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None  # what the process says
        self._why_not: str | None = None  # "" once it is compiled ahead
        self._forward: Callable[..., Any] | None = None

    def is_prepared(self) -> bool:
        if self._why_not is None:
            try:
                self._why_not = self._prepared()
            except Exception:  # the engine asks between two images, and must outlive it
                log.warning("nothing is compiled ahead", exc_info=True)
                self._why_not = "nothing can be compiled ahead"
        return self._why_not is not None

    def _prepared(self) -> str | None:
        """Why it cannot be compiled ahead; "" once it is, None until then."""
        if self._process is None:
            return self._begin()
        code = self._process.poll()
        if code is None:
            return None
        self._process.communicate()  # closes our end of its input
        return self._ended(code)

    def _begin(self) -> str | None:
        command = self.ahead()
        if command is None:
            return "there is no room to compile it ahead"
        self._errors = TemporaryFile()  # noqa: SIM115, closed once the process has ended
        self._process = _start(command, self._errors)
        return None

    def _ended(self, code: int) -> str:
        assert self._errors is not None
        with self._errors as errors:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip()
        if not code:
            return ""
        log.warning("compiling ahead ended with exit code %d:\n%s", code, said[-MOST_CHARACTERS:])
        return f"its compiler ended with exit code {code}: {said.rpartition(chr(10))[2]}"

    def turn_on(self) -> None:
        """Raises NotNow if it was not compiled ahead: a request would wait for minutes."""
        if not self.is_prepared() or self._why_not:
            raise NotNow(self._why_not or "it is not compiled yet")
        with self.graphs.lifted():
            super().turn_on()

    def turn_off(self) -> None:
        with self.graphs.lifted():
            super().turn_off()

    def around(self, before: Callable[..., Any]) -> Callable[..., Any]:
        # Once: it is turned on and off often while it is judged.
        if self._forward is None:
            self._forward = compiled(before, self.size)
        return self._forward


def compiled(before: Callable[..., Any], size: tuple[int, ...]) -> Callable[..., Any]:
    """A forward that compiles when it is first called with that height and width, in latents."""
    fast = torch.compile(before, fullgraph=True)

    def forward(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
        if tuple(sample.shape[-2:]) != size or len(sample) == 1:
            return before(sample, *args, **options)
        _let_rows_vary((sample, args, options))
        return fast(sample, *args, **options)

    return forward


def _start(command: Sequence[str], errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    # Of its input we hold the other end: it ends with us.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
    )


def _let_rows_vary(values: Any) -> None:
    """Of all tensors in ``values``, however deep: one compilation then serves every batch."""
    for leaf in torch.utils._pytree.tree_leaves(values):
        if isinstance(leaf, torch.Tensor):
            torch._dynamo.maybe_mark_dynamic(leaf, 0)
