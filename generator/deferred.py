"""A model whose weights are still on the disk: what it offers is known, so requests can wait."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from generator.model import Model
from generator.model_info import ModelInfo
from generator.request import GenerationRequest


class Deferred:
    """Stands for what ``loader`` gives. The engine's thread calls ``load`` before all else."""

    def __init__(self, info: ModelInfo, loader: Callable[[], Model]) -> None:
        self.info = info
        self._loader = loader
        self._model: Model | None = None

    def load(self) -> None:
        """Raises what the loader raises."""
        self._model = self._loader()

    def prepare(self, request: GenerationRequest) -> Any:
        return self._loaded.prepare(request)

    def denoise(self, samples: Sequence[Any]) -> Mapping[int, Exception]:
        return self._loaded.denoise(samples)

    def decode(self, sample: Any) -> Image.Image:
        return self._loaded.decode(sample)

    @property
    def _loaded(self) -> Model:
        assert self._model is not None, "load was not called"
        return self._model
