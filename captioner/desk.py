"""The desk in front of what captions: places in the queue, and whose turn it is.

Behind it is the model of this process (``captioner.engine``) or replicas elsewhere
(``captioner.remote``).
"""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import EngineClosed, ModelThread
from models_cache.runtime.tally import Tally
from models_cache.runtime.turns import Turns

# Each that is waited for by a request holds one of the server's threads.
MOST_AWAITED = 16
MOST_AWAITED_OF_ONE = 8

Model = TypeVar("Model")

# With whose it is, and whether a thread waits for it.
Waiting = tuple[CaptionRequest, "Future[Caption]", str, bool]


class TooManyCaptions(Exception):
    """``own``: the client has as many requests waiting as it may have; others may have more."""

    def __init__(self, own: bool) -> None:
        super().__init__("too many captions are waited for")
        self.own = own


class Desk(ModelThread[Model], Generic[Model]):
    """``submit`` and ``close`` are for any thread."""

    def __init__(self, model: Model | None) -> None:
        super().__init__("captioner", model)
        self._waiting: deque[Waiting] = deque()
        self._turns = Turns()
        self.tally = Tally(["caption"], ["caption"])

    @property
    def waiting(self) -> int:
        """How many requests nobody captions yet."""
        return sum(not future.cancelled() for _, future, _, _ in list(self._waiting))

    @property
    def replicas(self) -> int | None:
        """How many can be reached, of a model that is elsewhere."""
        return None

    @property
    def verdicts(self) -> Sequence[object]:
        """What was tried to make a model that is here faster, as sentences."""
        return ()

    def submit(
        self, request: CaptionRequest, client: str = "", is_awaited: bool = False
    ) -> "Future[Caption]":
        """The caption to come. If it is cancelled in time, it is never made. Raises EngineClosed.

        Its callbacks run on a thread of the captioner's: they must be quick, and must not raise.
        Clients take turns. Raises TooManyCaptions if a thread would wait where many do
        (``is_awaited``); whoever has a place with the generator is never refused.
        """
        future: Future[Caption] = Future()
        with self._changed:
            self._check_open()
            # With their pictures, which nobody wants any more.
            self._waiting = deque(item for item in self._waiting if not item[1].cancelled())
            if is_awaited:
                self._check_room(client)
            self._waiting.append((request, future, client, is_awaited))
            self._changed.notify_all()
        return future

    def _check_room(self, client: str) -> None:
        """Under the lock. Raises TooManyCaptions."""
        awaited = [whose for _, _, whose, is_awaited in self._waiting if is_awaited]
        if awaited.count(client) >= MOST_AWAITED_OF_ONE:
            raise TooManyCaptions(own=True)
        if len(awaited) >= MOST_AWAITED:
            raise TooManyCaptions(own=False)

    def _has_work(self) -> bool:
        return bool(self._waiting)

    def _in_order(self) -> list[Waiting]:
        """All that waits, whose turn it is first."""
        with self._changed:
            return self._turns.in_order(self._waiting, lambda item: item[2])

    def _take(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Takes these from the queue, and returns those that are still wanted."""
        with self._changed:
            left = {id(item): item for item in self._waiting}
            batch = [item for item in batch if left.pop(id(item), None)]  # the desk may have ended
            self._waiting = deque(left.values())
            self._turns.took([client for _, _, client, _ in batch])
            self._turns.keep({client for _, _, client, _ in self._waiting})
        return [item for item in batch if item[1].set_running_or_notify_cancel()]

    def _fail_all(self) -> None:
        with self._changed:
            left = [future for _, future, _, _ in self._waiting]
            self._waiting.clear()
        self._fail(future for future in left if future.set_running_or_notify_cancel())

    def _fail(self, futures: Iterable["Future[Caption]"]) -> None:
        for future in futures:
            future.set_exception(EngineClosed(self._reason))
