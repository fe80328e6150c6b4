"""The captioner's engine: one thread that owns BLIP. Waiting requests with one key are a batch."""

import logging
from collections.abc import Hashable, Sequence
from itertools import islice
from typing import Protocol

from captioner.desk import Desk, Waiting
from captioner.request import Caption, CaptionRequest

log = logging.getLogger(__name__)


class Model(Protocol):
    """The engine's calls to a model (``captioner.blip.Blip``), all on the engine's thread."""

    def batch_key(self, request: CaptionRequest) -> Hashable: ...
    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]: ...


class Engine(Desk[Model]):
    """``step`` is for the one thread that owns the model, the desk's calls are for any.

    ``start`` makes that thread, which loads the model if told how; tests call ``step`` by hand.
    """

    def __init__(self, model: Model | None = None, max_batch_size: int = 8) -> None:
        super().__init__(model)
        self.max_batch_size = max_batch_size

    @property
    def verdicts(self) -> Sequence[object]:
        """Empty until the model is loaded."""
        return getattr(self._model, "verdicts", ())

    def step(self) -> None:
        """Captions the picture whose turn it is, and all that may share its batch."""
        batch = self._take(self._next_batch())
        try:
            if batch:
                self.tally.batch(len(batch))
                self._caption(batch)
        finally:
            # Some are left only if the thread dies of a BaseException that is no Exception.
            self._fail(future for _, future, _, _ in batch if not future.done())

    def _next_batch(self) -> list[Waiting]:
        waiting = self._in_order()
        if not waiting:
            return []
        key = self._batch_key(waiting[0])
        sharing = (item for item in waiting if self._batch_key(item) == key)
        return list(islice(sharing, self.max_batch_size))

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
