"""Loads models side by side, and tells how far each is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError, Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from models_cache.catalog import ROLES
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.model_thread import OtherModelFailed, on_short_lived_thread
from models_cache.terminal import tell

if TYPE_CHECKING:  # the web knows LoadProgress, and no torch
    from models_cache.runtime.gpu_fit import Placement

BLOCK_BYTES = 8 * 2**20
NAMES = {
    "unet": "UNet",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "text_encoder_2": "text encoder 2",
}


class LoadProgress:
    """Written by the thread that loads, read by any.

    ``name`` is the model's; sizes are those of its files of weights. ``stage`` is what happens now,
    as a person would put it; empty before the beginning and after the end.
    """

    def __init__(self, checkpoint: LocalCheckpoint) -> None:
        self.name = checkpoint.known.name
        self.files = checkpoint.weights
        every = [path for paths in self.files.values() for path in paths]
        self.total_bytes = sum(path.stat().st_size for path in every)
        self.stage = ""
        self.loaded_bytes = 0

    def read(self) -> None:
        """Reads every file once, in order, so that mapping them finds them in memory.

        Mapped files that are not in memory are fetched in small pieces as they are touched: from a
        cold disk that takes several times as long, and no one could tell how far it is.
        """
        block = bytearray(BLOCK_BYTES)
        for component, paths in self.files.items():
            self.stage = f"reading the {NAMES.get(component, component)}"
            for path in paths:
                with path.open("rb", buffering=0) as file:
                    while count := file.readinto(block):
                        self.loaded_bytes += count
        self.stage = "waiting for its turn"


class ConstructionLock:
    """One thread at a time constructs a model or warms it up, and none goes on before all others.

    transformers and diffusers change switches of the whole process while they construct: the
    default dtype, and constructors that take no memory. If another thread constructed or ran a
    model meanwhile, that model would get weights without values. What is tried in a warm-up is
    timed, which another model's work would falsify.
    """

    def __init__(self, models: int = 1) -> None:
        self._one_at_a_time = Lock()
        self._all_constructed, self._all_warm = Barrier(models), Barrier(models)

    @contextmanager
    def construction(self, progress: LoadProgress) -> Iterator[None]:
        """Reads a model's files, beside other threads, then holds the lock while the model is made.

        Raises OtherModelFailed if another model's construction failed.
        """
        with _for_all(self._all_constructed, progress):
            progress.read()
            with self._one_at_a_time:
                progress.stage = "moving to the device"
                yield

    @contextmanager
    def warming(self, progress: LoadProgress) -> Iterator[None]:
        """Holds the lock while a model is warmed up, once all are constructed.

        Raises OtherModelFailed if another model's warm-up failed.
        """
        with _for_all(self._all_warm, progress), self._one_at_a_time:
            progress.stage = "warming up"
            yield


@contextmanager
def _for_all(barrier: Barrier, progress: LoadProgress) -> Iterator[None]:
    """Afterwards waits for the others; one that fails ends their waiting."""
    try:
        yield
    except BaseException:
        barrier.abort()
        raise
    progress.stage = "waiting for the other model"
    try:
        barrier.wait()
    except BrokenBarrierError:
        raise OtherModelFailed from None


class Warmable(Protocol):
    """A model that was constructed and has not computed yet."""

    def warm_up(self) -> None: ...


Model = TypeVar("Model", bound=Warmable)


def load_warm(
    construct: "Callable[[LocalCheckpoint, Placement], Model]",
    checkpoint: LocalCheckpoint,
    placement: "Placement",
    progress: LoadProgress,
    lock: ConstructionLock,
) -> Model:
    """The model, constructed and warm; says so on stderr. For the thread that is to own it."""
    started = time.monotonic()
    device = placement.device
    with lock.construction(progress):
        model = on_short_lived_thread(device, lambda: construct(checkpoint, placement))
    with lock.warming(progress):
        model.warm_up()
        role, seconds = ROLES[checkpoint.known.family], time.monotonic() - started
        tell(f"The {role} is warm on {device} after {seconds:.1f} s.")
    progress.stage = ""
    return model
