"""The objects that views work with, put into the app by ``create_app``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any, cast

from flask import current_app

import captioner.desk
from captioner.images import DECODING_BYTES_PER_PIXEL, MAX_PIXELS
from generator.desk import Desk
from models_cache.runtime.loading import LoadProgress
from webapp.dialects.under_way import UnderWay
from webapp.invitations import Invitations
from webapp.job_store import JobStore
from webapp.keys import Keys
from webapp.logs import Recent
from webapp.memory_budget import MemoryBudget
from webapp.tries import Tries

# One picture of the largest size allowed, or several photos at once.
DECODING_BYTES = DECODING_BYTES_PER_PIXEL * MAX_PIXELS

# Each holds a thread for as long as its reader stays: half of the server's threads.
MAX_STREAMS = 128


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the page says of a model. ``role`` is "captioner" or "generator"."""

    role: str
    name: str
    device: str
    licence: str


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Bytes: ``used`` by tensors, ``held`` for them by this process, and all that there is."""

    used: int
    held: int
    total: int


@dataclass(frozen=True, slots=True)
class Services:
    """``knows_photos`` is False for the demo models, which know drawn scenes alone.

    ``cuda_problem`` says why a GPU that is there is not used; ``loading`` how far each model is.
    ``streams`` bounds the threads that follow jobs, ``decoding`` the memory that pictures take
    while they are decoded. ``keys`` are those of whoever may come in; None lets everybody in.
    ``recent`` are the log's last problems; ``gpu_memory`` returns None without a GPU.
    ``automatic1111`` are the jobs of that dialect that are under way.
    """

    captioner: captioner.desk.Desk[Any]
    generator: Desk[Any, Any]
    jobs: JobStore
    knows_photos: bool = True
    loading: Sequence[LoadProgress] = ()
    models: Sequence[ModelCard] = ()
    cuda_problem: str = ""
    keys: Keys | None = None
    recent: Recent = field(default_factory=Recent)
    gpu_memory: Callable[[], GpuMemory | None] = lambda: None
    tries: Tries = field(default_factory=Tries)
    invitations: Invitations = field(default_factory=Invitations)
    automatic1111: UnderWay = field(default_factory=UnderWay)
    streams: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_STREAMS))
    decoding: MemoryBudget = field(default_factory=lambda: MemoryBudget(DECODING_BYTES))

    @property
    def are_alive(self) -> bool:
        return self.captioner.is_alive and self.generator.is_alive

    @property
    def lack_replicas(self) -> bool:
        """Whether none of a model's can be reached: all goes on by itself once one can."""
        return 0 in (self.captioner.replicas, self.generator.replicas)

    @property
    def are_ready(self) -> bool:
        """Whether both run and their models are warm."""
        return self.captioner.is_ready and self.generator.is_ready

    @property
    def unfinished_loading(self) -> Sequence[LoadProgress]:
        """Empty once both models are warm, or when one of them failed to load."""
        return self.loading if self.are_alive and not self.are_ready else ()


def services() -> Services:
    """The services of the current app."""
    return cast(Services, current_app.extensions["services"])


def kept_days() -> int | None:
    """For how many days pictures stay on a disk; None if they stay in memory alone."""
    disk = services().jobs.disk
    return disk.archive.max_days if disk else None
