"""The captioner on other devices and machines: a model whose batches replicas caption."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Protocol, cast

from captioner.engine import Engine
from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import (
    MOST_LOSSES,
    SECONDS_BETWEEN_LOOKS,
    EngineClosed,
    ReplicaLost,
)

NO_REPLICA = "No replica of the captioner can be reached: try again in a minute."


class Replicas(Protocol):
    """What a cluster offers. For any thread."""

    @property
    def count(self) -> int:
        """How many can be reached now."""

    @property
    def room(self) -> int:
        """How many pictures each captions at a time."""

    def caption(self, request: CaptionRequest) -> Callable[[], Caption]:
        """Begins; what is returned waits, and raises ReplicaLost or what the model raised."""


class RemoteModel:
    """The engine's calls to a model, over replicas that batch by themselves what fits together."""

    def __init__(self, replicas: Replicas) -> None:
        self.replicas = replicas

    def batch_key(self, request: CaptionRequest) -> Hashable:
        return None

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]:
        begun = [self.replicas.caption(request) for request in requests]
        return [self._result(wait, request) for wait, request in zip(begun, requests, strict=True)]

    def _result(self, wait: Callable[[], Caption], request: CaptionRequest) -> Caption:
        """Raises EngineClosed after the last loss: nothing is wrong with the picture."""
        for _ in range(MOST_LOSSES - 1):
            try:
                return wait()
            except ReplicaLost:
                wait = self.replicas.caption(request)
        try:
            return wait()
        except ReplicaLost:
            raise EngineClosed(NO_REPLICA) from None


class Remote(Engine):
    """The captioner's engine, while replicas can be reached."""

    @property
    def is_alive(self) -> bool:
        """Also false while no replica can be reached: it becomes true again by itself."""
        return super().is_alive and self._are_reached

    @property
    def replicas(self) -> int:
        return cast(RemoteModel, self._model).replicas.count if self._model is not None else 0

    def step(self) -> None:
        """Sends as many pictures as there is room for."""
        replicas = cast(RemoteModel, self.model).replicas
        self.max_batch_size = max(1, replicas.count * replicas.room)
        super().step()

    @property
    def _are_reached(self) -> bool:
        """Whether any replica is there, or none is to be there yet."""
        return self._model is None or self.replicas > 0

    def _has_work(self) -> bool:
        return super()._has_work() and self._are_reached

    def _patience(self) -> float:
        return SECONDS_BETWEEN_LOOKS

    def submit(
        self, request: CaptionRequest, client: str = "", is_awaited: bool = False
    ) -> "Future[Caption]":
        """As the engine's. Raises EngineClosed too if a thread would wait while none is reached."""
        if is_awaited and not self._are_reached:
            raise EngineClosed(NO_REPLICA)
        return super().submit(request, client, is_awaited)
