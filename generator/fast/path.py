"""The candidates that were adopted, those that are to be tried, and the way back to plain."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from generator.fast.candidate import Candidate, Forward, Switch
from generator.fast.flag import Flag
from generator.fast.history import History
from models_cache.runtime.device import OutOfMemory, free, naming_out_of_memory
from models_cache.runtime.trial import Bench, Verdict, first_line, try_candidate
from models_cache.terminal import tell

log = logging.getLogger(__name__)

Trial = tuple[Candidate, Bench]
Result = TypeVar("Result")
NOT_FINITE = "it gave NaN or infinity"


@dataclass(frozen=True, slots=True)
class Launched:
    """A fast forward and what it gave, not looked at yet; ``undo`` takes back what came of it."""

    forward: Callable[[], torch.Tensor]
    result: torch.Tensor
    is_finite: Flag
    undo: Callable[[], None]


class FastPath:
    """``verdicts`` and ``abandon`` are for any thread, the rest for the one that owns the model.

    ``prepare`` makes the trials when the first is to begin; None: there are none.
    """

    def __init__(
        self,
        prepare: Callable[[], Sequence[Trial]] | None = None,
        history: History | None = None,
    ) -> None:
        self.verdicts: tuple[Verdict, ...] = ()
        self._prepare = prepare
        self._left: deque[Trial] = deque()
        self._history = history or History()
        self._on: list[Candidate] = []
        self._launched: Launched | None = None

    @property
    def name(self) -> str:
        """What is on, for people to read; "" is the plain path."""
        return ", ".join(candidate.name for candidate in self._on)

    @property
    def has_more(self) -> bool:
        return self._prepare is not None or bool(self._left)

    @property
    def has_trial(self) -> bool:
        """Whether ``improve`` would do anything now."""
        return self._prepare is not None or (bool(self._left) and self._left[0][0].is_prepared())

    def improve(self) -> None:
        """Tries the next candidate, makes ready for the first, or does nothing."""
        self.settle()
        if self._prepare is not None:
            self._make_ready()
        if not self.has_trial:
            return
        candidate, bench = self._left.popleft()
        self._tell(self._try(candidate, bench))

    def abandon(self) -> None:
        """Before the process ends by order: nothing that is being tried has ended it."""
        self._history.take_back()

    def _make_ready(self) -> None:
        assert self._prepare is not None
        prepare, self._prepare = self._prepare, None
        try:
            for candidate, bench in prepare():
                if why_not := self._history.why_not(candidate.name):
                    self._tell(Verdict(candidate.name, False, why_not))
                else:
                    self._left.append((candidate, bench))
        except Exception:  # images need no fast path
            log.warning("nothing can be tried that may be faster", exc_info=True)

    def call(self, forward: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What ``forward`` gives; by the plain path, for good, if the fast one fails at it.

        Fast, it waits for the device, to see whether all numbers are finite.
        """
        if not self._on:
            return forward()
        result, failure = self._fast(forward)
        if result is None or not bool(result.isfinite().all()):
            return self._plainly(forward, failure, result)
        return result

    def launch(
        self, forward: Callable[[], torch.Tensor], remember: Callable[[], Callable[[], None]]
    ) -> torch.Tensor | None:
        """As ``call``, but looks whether all numbers are finite once the next is launched.

        So the device need not wait for the host. None if the forward before was at fault: what came
        of it is taken back by what its ``remember`` returned, and this one is to be made anew.
        """
        result, failure = self._fast(forward) if self._on else (forward(), "")
        if result is None:
            result = self._plainly(forward, failure)
        if self.settle():
            return None
        if self._on:
            is_finite = Flag(result.isfinite().all())
            self._launched = Launched(forward, result, is_finite, remember())
        return result

    def settle(self) -> bool:
        """Looks at what was launched last; True if it was at fault, and is taken back."""
        last, self._launched = self._launched, None
        if last is None or last.is_finite:
            return False
        try:
            plain = self._plainly(last.forward, NOT_FINITE, last.result)
        except torch.AcceleratorError:
            raise
        except Exception:  # whoever asks now has no part in it; a decode sees what is not finite
            log.warning("a forward cannot be repeated", exc_info=True)
            return False
        if not _is_better(plain, last.result):
            return False
        last.undo()
        return True

    def with_room(self, work: Callable[[], Result]) -> Result:
        """What ``work`` gives: once more after ``make_room``, if it finds none. It raises then."""
        try:
            return naming_out_of_memory(work)
        except OutOfMemory:
            if not self._on:
                raise
        # Out here, as the traceback of an error holds the tensors of every frame.
        self.make_room()
        return work()

    def make_room(self) -> None:
        """Gives back what candidates that are on keep on the device, and can make again."""
        for candidate in self._on:
            candidate.forget()
        free()

    def _fast(self, forward: Callable[[], torch.Tensor]) -> tuple[torch.Tensor | None, str]:
        """The result, and what would be wrong with it; None if there is none, with room made."""
        result, failure, is_short = self._attempt(forward)
        if is_short:
            self.make_room()
            result, failure, _ = self._attempt(forward)
        return result, failure

    @staticmethod
    def _attempt(forward: Callable[[], torch.Tensor]) -> tuple[torch.Tensor | None, str, bool]:
        """With whether it is a want of room."""
        try:
            return naming_out_of_memory(forward), NOT_FINITE, False
        except Exception as error:
            return None, f"it fails ({first_line(error)})", isinstance(error, MemoryError)

    @contextmanager
    def off(self, kind: type[Forward] | type[Switch]) -> Iterator[None]:
        """Lets the module's own forward be called inside, or leaves the process as it was.

        Layouts stay: weights that moved would leave graphs that read where they were.
        """
        off = [each for each in self._on if isinstance(each, kind)]
        on, self._on = self._on, [each for each in self._on if each not in off]
        for candidate in reversed(off):
            candidate.turn_off()
        try:
            yield
        finally:
            self._turn_on_again(off)
            self._on.sort(key=on.index)

    def _plainly(
        self,
        forward: Callable[[], torch.Tensor],
        failure: str,
        fast: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """By the plain path: for good, if it is better than what the fast one gave, if anything."""
        on, self._on = self._on, []
        for candidate in reversed(on):
            candidate.turn_off()
            candidate.forget()
        free()
        try:
            result = forward()
        except Exception:
            self._turn_on_again(on)
            raise
        if not _is_better(result, fast):
            self._turn_on_again(on)
        elif on:
            self._left.clear()
            self._tell(Verdict(", ".join(each.name for each in on), False, f"{failure} later on"))
        return result

    def _turn_on_again(self, candidates: Sequence[Candidate]) -> None:
        """The request is at fault, not they: the plain path fails at it too."""
        for candidate in candidates:
            try:
                candidate.turn_on()
            except Exception as error:  # memory may have become short; those before it stay
                self._tell(
                    Verdict(candidate.name, False, f"it fails ({first_line(error)}) later on")
                )
                self._left.clear()
                return
            self._on.append(candidate)

    def _try(self, candidate: Candidate, bench: Bench) -> Verdict:
        self._history.begin(candidate.name)
        try:
            verdict = try_candidate(candidate, bench)
        except Exception as error:  # it could not even be turned off
            verdict = Verdict(candidate.name, False, f"it fails here ({first_line(error)})")
        verdict = replace(verdict, for_now=verdict.for_now or candidate.lacked_room)
        self._history.end(verdict)
        if verdict.adopted:
            self._on.append(candidate)
        else:
            candidate.forget()
        for each in self._on:
            each.forget_unused()
        free()
        return verdict

    def _tell(self, verdict: Verdict) -> None:
        self.verdicts = (*self.verdicts, verdict)
        tell(f"Fast path: {verdict}.")


def _is_better(plain: torch.Tensor, fast: torch.Tensor | None) -> bool:
    """Whether any row is finite in ``plain`` alone."""
    rows = _finite_rows(plain)
    return bool((rows if fast is None else rows & ~_finite_rows(fast)).any())


def _finite_rows(result: torch.Tensor) -> torch.Tensor:
    return result.isfinite().flatten(1).all(1)
