"""The captioner's engine: one thread that owns BLIP. Waiting requests with one key are a batch."""

import logging
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Protocol

from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import EngineClosed, ModelThread
from models_cache.runtime.tally import Tally
from models_cache.runtime.turns import Turns

log = logging.getLogger(__name__)

# Each that is waited for by a request holds one of the server's threads.
MOST_AWAITED = 16
MOST_AWAITED_OF_ONE = 8


class TooManyCaptions(Exception):
    """``own``: the client has as many requests waiting as it may have; others may have more."""

    def __init__(self, own: bool) -> None:
        super().__init__("too many captions are waited for")
        self.own = own


class Model(Protocol):
    """The engine's calls to a model (``captioner.blip.Blip``), all on the engine's thread."""

    def batch_key(self, request: CaptionRequest) -> Hashable: ...
    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]: ...


# With whose it is, and whether a thread waits for it.
Waiting = tuple[CaptionRequest, "Future[Caption]", str, bool]


class Engine(ModelThread[Model]):
    """``submit`` and ``close`` are for any thread; ``step`` for the one that owns the model.

    ``start`` makes that thread, which loads the model if told how; tests call ``step`` by hand.
    """

    def __init__(self, model: Model | None = None, max_batch_size: int = 8) -> None:
        super().__init__("captioner", model)
        self.max_batch_size = max_batch_size
        self._waiting: deque[Waiting] = deque()
        self._turns = Turns()
        self.tally = Tally(["caption"], ["caption"])

    @property
    def waiting(self) -> int:
        """How many requests no batch has taken yet."""
        return sum(not future.cancelled() for _, future, _, _ in list(self._waiting))

    @property
    def replicas(self) -> int | None:
        """How many can be reached, of a model that is elsewhere."""
        return None

    @property
    def verdicts(self) -> Sequence[object]:
        """What was tried to make the model faster, as sentences; empty until it is loaded."""
        return getattr(self._model, "verdicts", ())

    def submit(
        self, request: CaptionRequest, client: str = "", is_awaited: bool = False
    ) -> "Future[Caption]":
        """The caption to come. If it is cancelled in time, it is never made. Raises EngineClosed.

        Its callbacks run on the captioner's thread: they must be quick, and must not raise.
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

    def step(self) -> None:
        """Captions the picture whose turn it is, and all that may share its batch."""
        batch = [item for item in self._next_batch() if item[1].set_running_or_notify_cancel()]
        try:
            if batch:
                self.tally.batch(len(batch))
                self._caption(batch)
        finally:
            # Some are left only if the thread dies of a BaseException that is no Exception.
            self._fail(future for _, future, _, _ in batch if not future.done())

    def _has_work(self) -> bool:
        return bool(self._waiting)

    def _next_batch(self) -> list[Waiting]:
        with self._changed:
            waiting = self._turns.in_order(self._waiting, lambda item: item[2])
        if not waiting:
            return []
        key = self._batch_key(waiting[0])
        sharing = (item for item in waiting if self._batch_key(item) == key)
        batch = list(islice(sharing, self.max_batch_size))
        with self._changed:
            taken = {id(item) for item in batch}
            self._waiting = deque(item for item in self._waiting if id(item) not in taken)
            self._turns.took([client for _, _, client, _ in batch])
            self._turns.keep({client for _, _, client, _ in self._waiting})
        return batch

    def _batch_key(self, item: Waiting) -> Hashable:
        try:
            return self.model.batch_key(item[0])
        except Exception:  # it will fail again, alone, and its error is told then
            log.exception("a caption request has no batch key")
            return item

    def _caption(self, batch: list[Waiting]) -> None:
        try:
            with self.tally.timing("caption"):
                captions = self.model.caption_batch([request for request, _, _, _ in batch])
        except Exception as error:  # a model may raise anything, and its thread must outlive it
            log.warning("a batch of %d captions failed", len(batch), exc_info=True)
            if len(batch) == 1:
                self.tally.failed("caption", error)
                batch[0][1].set_exception(error)
                return
            captions = None
        if captions is None:
            # Outside the except block, as the traceback holds the tensors of the failed batch.
            for item in batch:  # only the culprit fails, with its own error
                self._caption([item])
            return
        self.tally.made(len(captions))
        for (_, future, _, _), caption in zip(batch, captions, strict=True):
            future.set_result(caption)

    def _fail_all(self) -> None:
        with self._changed:
            left = [future for _, future, _, _ in self._waiting]
            self._waiting.clear()
        self._fail(future for future in left if future.set_running_or_notify_cancel())

    def _fail(self, futures: Iterable["Future[Caption]"]) -> None:
        for future in futures:
            future.set_exception(EngineClosed(self._reason))
