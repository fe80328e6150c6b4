"""Finds a model that hangs: a call of it that does not end, as with a driver that is stuck."""

import logging
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from models_cache.runtime.tally import Tally

log = logging.getLogger(__name__)

HUNG = "The model hangs, and the server ends: try again once it was started anew."

TRIAL = "trial"  # may compile for many minutes, and holds a device that others may wait for
LONGER_IN_A_TRIAL = 12
SUSPENDED = 3  # times as long a sleep as was asked for: the process was stopped
LONGER = 20  # times as long as the longest call before it: a larger image is no fault
MOST_SECONDS_BETWEEN = 5.0
SHORT_LIVED = "short-lived"  # the threads on which models compute if there is no GPU


class Engine(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def tally(self) -> Tally: ...


@dataclass
class Watchdog:
    """Calls ``on_hung`` once, if a call takes ``seconds`` and many times as long as any before.

    While the process is stopped, as by Ctrl-Z, no time passes. ``start`` makes the thread that
    looks; tests call ``look`` by hand.
    """

    engines: Sequence[Engine]
    seconds: float
    on_hung: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    awake_since: float = -math.inf
    last_trial: float = -math.inf

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        wait = threading.Event().wait
        while not self.look():
            self.sleep(wait, min(MOST_SECONDS_BETWEEN, self.seconds / 10))

    def sleep(self, wait: Callable[[float], object], seconds: float) -> None:
        """Notes when the process was stopped meanwhile."""
        before = self.clock()
        wait(seconds)
        if self.clock() - before > SUSPENDED * seconds:
            self.awake_since = self.clock()

    def look(self) -> bool:
        """Whether an engine's model hangs. The log then says where its threads are."""
        calls = [(engine, engine.tally.under_way()) for engine in self.engines]
        is_trial = any(call and call.phase == TRIAL for _, call in calls)
        least = self.seconds * (LONGER_IN_A_TRIAL if is_trial else 1)
        for engine, call in calls:
            since = max(self.awake_since, -math.inf if is_trial else self.last_trial)
            alone = min(call.seconds, self.clock() - since) if call else 0.0
            if call and alone > max(least, LONGER * call.longest_before):
                told = engine.name, call.phase, call.seconds, "\n".join(_stacks(engine.name))
                log.critical("the %s hangs: its %s has not ended after %.0f seconds\n%s", *told)
                self.on_hung()
                return True
        if is_trial:  # for which a call may have waited
            self.last_trial = self.clock()
        return False


def _stacks(name: str) -> Iterator[str]:
    """Where the thread of this name is, and those that may compute for it."""
    frames: dict[int, FrameType] = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame and (thread.name == name or thread.name.startswith(SHORT_LIVED)):
            yield f"{thread.name}:\n{''.join(traceback.format_stack(frame))}"
