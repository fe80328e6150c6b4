"""A captioner whose weights are still on the disk; requests can wait for it already."""

from collections.abc import Callable, Hashable, Sequence

from captioner.engine import Model
from captioner.request import CaptionRequest


class Deferred:
    """Stands for what ``loader`` gives. The engine's thread calls ``load`` before all else."""

    def __init__(self, loader: Callable[[], Model]) -> None:
        self._loader = loader
        self._model: Model | None = None

    def load(self) -> None:
        """Raises what the loader raises."""
        self._model = self._loader()

    def batch_key(self, request: CaptionRequest) -> Hashable:
        return self._loaded.batch_key(request)

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[str]:
        return self._loaded.caption_batch(requests)

    @property
    def _loaded(self) -> Model:
        assert self._model is not None, "load was not called"
        return self._model
