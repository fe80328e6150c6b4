"""One device's captioner as a replica: an engine, which batches what comes at once."""

import asyncio

from captioner.engine import Engine
from captioner.request import Caption, CaptionRequest
from models_cache.runtime.model_thread import EngineClosed


class Replica:
    """``caption`` is for an event loop, the rest for any thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def caption(self, request: CaptionRequest) -> Caption:
        """Raises what the model raises. Whoever stops waiting takes the picture back."""
        return await asyncio.wrap_future(self.engine.submit(request))

    def check_health(self) -> None:
        """Raises EngineClosed if the engine has died."""
        if not self.engine.is_alive:
            raise EngineClosed
