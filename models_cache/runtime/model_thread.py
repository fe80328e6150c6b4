"""The one thread that owns a model: it loads the model, then runs its engine's steps."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:  # the web knows the engines, and no torch
    import torch

log = logging.getLogger(__name__)

STOPPING = "The server is stopping: try again in a minute."
DEVICE_LOST = "The GPU has failed, and the server ends: try again once it was started anew."

# Of models that are elsewhere: how many one request may lose, and between two looks for others.
MOST_LOSSES = 3
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_QUESTIONS = 0.05  # whether there is time for a last step

Model = TypeVar("Model")
Result = TypeVar("Result")


class OtherModelFailed(Exception):
    """Another model could not be constructed; nothing is wrong with this one."""


class EngineClosed(Exception):
    """The engine takes no more work; the sentence says why, for the client."""

    def __init__(self, reason: str = STOPPING) -> None:
        super().__init__(reason)


class ReplicaLost(Exception):
    """A model elsewhere has died, or cannot be reached; the request is as good as before."""


class DeviceLost(BaseException):
    """CUDA's context is broken for good: no later call of this process can work.

    It is no Exception, as engines outlive those, and go on with the next request.
    """


class ModelThread(ABC, Generic[Model]):
    """The half that both engines share: loading and running one model, and closing.

    ``start`` makes the thread; tests call ``step`` by hand. What threads share is guarded by
    ``_changed``, which is notified of all that the thread may wait for. A model that computes on
    a CPU may do so ``on_short_lived_thread`` while this thread waits.
    """

    def __init__(self, name: str, model: Model | None) -> None:
        self.name = name
        self._model = model
        self._thread: Thread | None = None
        self._changed = Condition()
        self._closed = False
        self._reason = STOPPING

    @abstractmethod
    def step(self) -> None:
        """Does a piece of the work, on the thread that owns the model."""

    @abstractmethod
    def _has_work(self) -> bool:
        """Called under the lock."""

    def _patience(self) -> float | None:
        """Seconds until ``_has_work`` may change by itself; None if it never does."""
        return None

    @abstractmethod
    def _fail_all(self) -> None:
        """Fails all that waits, with ``_reason``."""

    @property
    def model(self) -> Model:
        assert self._model is not None, "the model is not loaded yet"
        return self._model

    def start(
        self,
        load: Callable[[], Model] | None = None,
        on_failure: Callable[[], None] = lambda: None,
        on_device_lost: Callable[[], None] = lambda: None,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        """Makes the thread that owns the model and calls ``load`` first: requests wait for that.

        If ``load`` fails, so does every request, and ``on_failure`` is called, on that thread;
        ``on_device_lost``, if a step raises DeviceLost; ``on_death``, if the engine itself fails.
        """

        def work() -> None:
            try:
                if load is None or self._load(load, on_failure):
                    self.run()
            except DeviceLost:
                log.critical("the device of the %s is lost", self.name, exc_info=True)
                self.end(DEVICE_LOST)
                on_device_lost()
            except BaseException:  # whatever it is, this thread is gone, and no other may step
                log.critical("the engine of the %s has died", self.name, exc_info=True)
                self.end(STOPPING)
                on_death()

        self._thread = Thread(target=work, name=self.name)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs and was not ended: one that hangs ends when the process does."""
        return self._thread is not None and self._thread.is_alive() and not self._closed

    @property
    def is_ready(self) -> bool:
        """Whether the thread runs and its model is loaded."""
        return self._model is not None and self.is_alive

    def end(self, reason: str) -> None:
        """Closes at once. Every waiting request, and every later one, fails with ``reason``."""
        with self._changed:
            self._closed = True
            self._reason = reason
            self._changed.notify_all()
        self._fail_all()

    def close(self, has_time: Callable[[], bool] = lambda: True) -> None:
        """Takes nothing more, ends after the step in progress, and fails what is left.

        A step that takes longer than ``has_time`` says is left to itself.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        while self._thread is not None and self._thread.is_alive() and has_time():
            self._thread.join(SECONDS_BETWEEN_QUESTIONS)
        self._fail_all()

    def run(self) -> None:
        """Steps until closed. However it ends, no request is left waiting."""
        try:
            while self._wait_for_work():
                self.step()
        except DeviceLost:
            self._reason = DEVICE_LOST
            raise
        finally:
            self.end(self._reason)

    def _load(self, load: Callable[[], Model], on_failure: Callable[[], None]) -> bool:
        try:
            self._model = load()
        except Exception as error:
            if not isinstance(error, OtherModelFailed):  # whose own thread says why
                log.exception("the %s could not be loaded", self.name)
            self.end(f"The {self.name} could not be loaded: the server's log says why.")
            on_failure()
            return False
        return True

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not (self._closed or self._has_work()):
                self._changed.wait(self._patience())
            return not self._closed

    def _check_open(self) -> None:
        """Under the lock. Raises EngineClosed."""
        if self._closed:
            raise EngineClosed(self._reason)


def on_short_lived_thread(device: "torch.device", work: Callable[[], Result]) -> Result:
    """Returns what ``work`` does; on a CPU it runs on a thread that then ends.

    OpenMP keeps a pool for every thread that ever computed, and once all pools together have more
    threads than there are cores, each barrier of each of them goes to sleep. Beside an idle pool of
    the captioner's a small UNet took half as long again.
    """
    if device.type != "cpu":
        return work()
    with ThreadPoolExecutor(1, "short-lived") as threads:
        return threads.submit(work).result()
