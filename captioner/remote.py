"""The captioner on other devices and machines: the desk's queue over replicas of the engine.

Replicas batch by themselves what fits together (``captioner.replica``).
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Protocol

from captioner.desk import Desk
from captioner.request import Caption, CaptionRequest
from models_cache.runtime.followers import Followers
from models_cache.runtime.model_thread import (
    MOST_LOSSES,
    SECONDS_BETWEEN_LOOKS,
    EngineClosed,
    ReplicaLost,
)

log = logging.getLogger(__name__)
NO_REPLICA = "No replica of the captioner can be reached: try again in a minute."


class Pending(Protocol):
    """One picture that a replica captions."""

    def result(self) -> Caption:
        """Waits. Raises ReplicaLost, or what the model raised."""

    def cancel(self) -> object:
        """From any thread, at any time: ``result`` then raises."""


class Replicas(Protocol):
    """What a cluster offers. For any thread."""

    @property
    def count(self) -> int:
        """How many can be reached now."""

    @property
    def room(self) -> int:
        """How many pictures each captions at a time."""

    def caption(self, request: CaptionRequest) -> Pending:
        """Begins."""


class Remote(Desk[Replicas]):
    """``step`` is for the one thread that hands out pictures; tests call it by hand.

    Each picture that is captioned has a thread here, which waits for its replica: one that hangs
    keeps nobody else waiting.
    """

    def __init__(self, replicas: Replicas | None = None) -> None:
        super().__init__(replicas)
        self.pause_seconds = SECONDS_BETWEEN_LOOKS  # after a loss
        self._sent: dict[Future[Caption], Pending | None] = {}
        self._followers = Followers("captioner-replica")

    @property
    def is_alive(self) -> bool:
        """Also false while no replica can be reached: it becomes true again by itself."""
        return super().is_alive and self._are_reached

    @property
    def replicas(self) -> int:
        return self._model.count if self._model is not None else 0

    @property
    def _are_reached(self) -> bool:
        """Whether any replica is there, or none is to be there yet."""
        return self._model is None or self.replicas > 0

    def submit(
        self, request: CaptionRequest, client: str = "", is_awaited: bool = False
    ) -> "Future[Caption]":
        """As the desk's. Raises EngineClosed too if a thread would wait while none is reached."""
        if is_awaited and not self._are_reached:
            raise EngineClosed(NO_REPLICA)
        return super().submit(request, client, is_awaited)

    def step(self) -> None:
        """Sends as many pictures as there is room for."""
        batch = self._take(self._in_order()[: max(0, self._room)])
        with self._changed:
            self._sent.update((future, None) for _, future, _, _ in batch)
        for request, future, _, _ in batch:
            self._followers.start(partial(self._follow, request, future))

    def close(self, has_time: Callable[[], bool] = lambda: True) -> None:
        """As the engine's: what is left fails, and its replicas are told."""
        super().close(has_time)
        self._followers.join()

    @property
    def _room(self) -> int:
        return self.model.count * self.model.room - len(self._sent)

    def _has_work(self) -> bool:
        return super()._has_work() and self._room > 0

    def _patience(self) -> float:
        return SECONDS_BETWEEN_LOOKS

    def _follow(self, request: CaptionRequest, future: "Future[Caption]") -> None:
        """Follows one picture to its words, over as many replicas as it takes."""
        said: Caption | BaseException
        try:
            said = self._caption(request, future)
        except BaseException as error:  # whatever it is, whoever waits must hear of it
            said = error
        if not self._end(future):
            return
        if isinstance(said, BaseException):
            log.warning("a caption failed", exc_info=said)
            self.tally.failed("caption", said)
            is_told = isinstance(said, Exception)
            future.set_exception(said if is_told else EngineClosed(self._reason))
        else:
            self.tally.made(1)
            future.set_result(said)

    def _caption(self, request: CaptionRequest, future: "Future[Caption]") -> Caption:
        """Raises EngineClosed after the last loss: nothing is wrong with the picture."""
        for losses in range(MOST_LOSSES):
            if losses:
                self._pause(future)
            try:
                return self._begin(request, future).result()
            except ReplicaLost as error:
                if future in self._sent:
                    log.warning("a picture has lost its replica", exc_info=error)
        raise EngineClosed(NO_REPLICA)

    def _begin(self, request: CaptionRequest, future: "Future[Caption]") -> Pending:
        """Raises EngineClosed once the desk has ended."""
        if future not in self._sent:
            raise EngineClosed(self._reason)
        pending = self.model.caption(request)
        with self._changed:
            if future in self._sent:
                self._sent[future] = pending
                return pending
        pending.cancel()
        raise EngineClosed(self._reason)

    def _pause(self, future: "Future[Caption]") -> None:
        """Until another replica may be found, or the desk has ended."""
        with self._changed:
            self._changed.wait_for(lambda: future not in self._sent, self.pause_seconds)

    def _end(self, future: "Future[Caption]") -> bool:
        """Frees its place; False if it has failed already, as the desk ended."""
        with self._changed:
            was_sent = future in self._sent
            self._sent.pop(future, None)
            self._changed.notify_all()
        return was_sent

    def _fail_all(self) -> None:
        super()._fail_all()
        with self._changed:
            left, self._sent = self._sent, {}
            self._changed.notify_all()
        self._fail(left)
        for pending in filter(None, left.values()):
            with suppress(Exception):  # a cluster that ends may raise many kinds
                pending.cancel()
