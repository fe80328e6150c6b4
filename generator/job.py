"""The fate of one request, up to its image: a log of events that any thread can follow."""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Condition
from typing import ClassVar, Protocol

from PIL import Image

from generator.request import GenerationRequest

log = logging.getLogger(__name__)


class Event(Protocol):
    """An entry of a job's log, of any class; ``status`` is the job's status from then on."""

    @property
    def status(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Queued:
    """The engine has the request."""

    status: ClassVar = "queued"
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Progress:
    """``step`` of ``num_steps`` denoising steps are done; 0 before the first."""

    status: ClassVar = "running"
    step: int
    num_steps: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """The job's ``preview`` shows what ``step`` denoising steps foresee, or a later one does."""

    status: ClassVar = "running"
    step: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    """``unseen_words`` are the prompt's last words, if it was longer than the encoders read.

    ``fast_path`` names what made it faster, and its numbers a little different; "" if nothing did.
    ``held`` is the image, or reads it: of an earlier start it stays on the disk.
    """

    status: ClassVar = "succeeded"
    held: Image.Image | Callable[[], Image.Image]
    unseen_words: tuple[str, ...] = ()
    fast_path: str = ""

    @property
    def image(self) -> Image.Image:
        return self.held if isinstance(self.held, Image.Image) else self.held()


@dataclass(frozen=True, slots=True)
class Failed:
    """``error`` is one sentence for the client.

    ``stopped`` is True if nothing is wrong with the request, and the engine has closed.
    """

    status: ClassVar = "failed"
    error: str
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    status: ClassVar = "cancelled"


Outcome = Succeeded | Failed | Cancelled


class Job:
    """An append-only log that ends with exactly one outcome. Every method is for any thread.

    ``client`` says whose it is: clients take turns. A job of an earlier start has its ``job_id``.
    """

    def __init__(self, client: str = "", job_id: str = "") -> None:
        self.id = job_id or secrets.token_hex(16)
        self.client = client
        self._events: list[Event] = []
        self._preview: tuple[int, Image.Image] | None = None
        self._grown = Condition()
        self._finish_callbacks: list[Callable[[], None]] = []

    def publish(self, event: Event) -> bool:
        """Adds an event and returns True; after the outcome, adds nothing and returns False."""
        with self._grown:
            if self.is_finished:
                return False
            self._events.append(event)
            self._grown.notify_all()
            if not self.is_finished:
                return True
        while self._finish_callbacks:  # none can be added any more
            run_callback(self._finish_callbacks.pop(0))
        return True

    def publish_preview(self, step: int, image: Image.Image) -> bool:
        """Replaces the preview and says so in the log; after the outcome, changes nothing."""
        with self._grown:
            if not self.is_finished:
                self._preview = step, image
            return self.publish(Previewed(step))

    def cancel(self) -> bool:
        """Ends the job now; returns False if it had ended before."""
        return self.publish(Cancelled())

    def when_finished(self, callback: Callable[[], None]) -> None:
        """Calls back once, on the thread that publishes the outcome, or at once if there is one.

        An exception of the callback is logged and goes no further.
        """
        with self._grown:
            if not self.is_finished:
                self._finish_callbacks.append(callback)
                return
        run_callback(callback)

    @property
    def short_id(self) -> str:
        """For logs: the whole id is also the address of the job's pictures."""
        return self.id[:8]

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    @property
    def outcome(self) -> Outcome | None:
        last = self._events[-1] if self._events else None
        return last if isinstance(last, Succeeded | Failed | Cancelled) else None

    @property
    def is_finished(self) -> bool:
        return self.outcome is not None

    @property
    def status(self) -> str:
        """The latest event's status; of an empty log, that of Queued."""
        events = self.events
        return events[-1].status if events else Queued.status

    @property
    def request(self) -> GenerationRequest | None:
        """The request that the engine has; None for a job that is only reserved."""
        return next((event.request for event in self.events if isinstance(event, Queued)), None)

    @property
    def progress(self) -> Progress | None:
        """The latest progress; None before the first."""
        return next((e for e in reversed(self.events) if isinstance(e, Progress)), None)

    @property
    def preview(self) -> tuple[int, Image.Image] | None:
        """The latest preview alone, a small image, with the number of steps it was made after."""
        return self._preview

    def follow(
        self, start: int = 0, patience_seconds: float | None = None
    ) -> Iterator[Event | None]:
        """The events from number ``start`` on, as they come, to the outcome.

        Yields None each time that ``patience_seconds`` pass without one, so that the caller can
        look whether its client is still there.
        """
        while True:
            with self._grown:
                self._wait_for(start, patience_seconds)
                fresh, finished = self._events[start:], self.is_finished
            yield from fresh
            if finished:
                return
            if not fresh:
                yield None
            start += len(fresh)

    def wait(self, timeout_seconds: float | None = None) -> Outcome:
        """Blocks until the outcome. Raises TimeoutError."""
        with self._grown:
            outcome = self._grown.wait_for(lambda: self.outcome, timeout_seconds)
            if outcome is None:
                raise TimeoutError(f"job {self.id} is still {self.status}")
            return outcome

    def _wait_for(self, start: int, patience_seconds: float | None) -> None:
        self._grown.wait_for(
            lambda: len(self._events) > start or self.is_finished, patience_seconds
        )


def run_callback(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # the engine's thread, which publishes, must outlive it
        log.exception("a callback of a finished job failed")
