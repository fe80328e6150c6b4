"""Both models in this process, and the engines that drive them."""

from contextlib import closing
from dataclasses import dataclass

import captioner.engine
import generator.engine
from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.runtime.device import use_own_stream


@dataclass(frozen=True, slots=True)
class Loaded:
    """Both models as the server has them once it is ready.

    ``is_resident`` if all weights stay on the device, where a plain call can find them.
    """

    blip: Blip
    sdxl: SDXL
    max_batch_size: int
    is_resident: bool = True

    def captioning(self) -> closing[captioner.engine.Engine]:
        """A started engine, whose thread ends with the ``with`` block, see ``in_own_thread``."""
        engine = captioner.engine.Engine(self.blip)
        engine.start(self._captioner)
        return closing(engine)

    def _captioner(self) -> Blip:
        """On its engine's thread: with a stream of its own, as in the server."""
        use_own_stream(self.blip.device)
        return self.blip

    def painting(self) -> closing[generator.engine.Engine]:
        """A started engine of the generator, closed in the same way."""
        engine = generator.engine.Engine(self.sdxl, self.max_batch_size)
        engine.start()
        return closing(engine)
