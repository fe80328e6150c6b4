"""The one thread that owns a model: it loads it, then runs its engine."""

import logging
from collections.abc import Callable
from threading import Thread

from models_cache.loading import OtherModelFailed

log = logging.getLogger(__name__)


def nothing() -> None:
    """What there is to load for a model that is there, and to do about it."""


class Owner:
    """``run`` is the engine's loop. ``end`` closes the engine, and is told why in one sentence."""

    def __init__(self, name: str, run: Callable[[], None], end: Callable[[str], None]) -> None:
        self.name = name
        self._run = run
        self._end = end
        self._thread: Thread | None = None
        self._is_loaded = False

    def start(self, load: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """``load`` runs before all else. Where it fails ``on_failure`` is called, on the thread."""
        self._is_loaded = load is nothing
        self._thread = Thread(target=self._work, args=(load, on_failure), name=self.name)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_ready(self) -> bool:
        """Whether the thread runs and its model is loaded."""
        return self._is_loaded and self.is_alive

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _work(self, load: Callable[[], None], on_failure: Callable[[], None]) -> None:
        try:
            load()
        except Exception as error:
            if not isinstance(error, OtherModelFailed):  # whose own thread says why
                log.exception("the %s could not be loaded", self.name)
            self._end(f"The {self.name} could not be loaded: the server's log says why.")
            on_failure()
            return
        self._is_loaded = True
        self._run()
