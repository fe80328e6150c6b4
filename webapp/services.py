"""What the views work with, put into the app by ``create_app``."""

from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import cast

from flask import current_app

import captioner.engine
import generator.engine
from webapp.job_store import JobStore


@dataclass(frozen=True, slots=True)
class Services:
    """``knows_photos`` is False for the demo models, which know drawn scenes alone.

    ``streams`` bounds the threads that follow jobs, ``decoders`` the pictures decoded at once: one
    of the largest allowed takes 750 MB for a second or two.
    """

    captioner: captioner.engine.Engine
    generator: generator.engine.Engine
    jobs: JobStore
    knows_photos: bool = True
    streams: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(128))
    decoders: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))

    @property
    def are_alive(self) -> bool:
        return self.captioner.is_alive and self.generator.is_alive


def services() -> Services:
    """Those of the current app."""
    return cast(Services, current_app.extensions["services"])
