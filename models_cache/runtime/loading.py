"""How far the loading of a model is, and how several are loaded side by side."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError, Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from models_cache.catalog import ROLES
from models_cache.local_checkpoint import LocalCheckpoint

if TYPE_CHECKING:  # the web knows LoadProgress, and no torch
    import torch

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
        self.stage = "waiting to be placed"


class OtherModelFailed(Exception):
    """Another model could not be constructed; nothing is wrong with this one."""


class ConstructionLock:
    """Lets one thread at a time construct a model, and none run before all are constructed.

    transformers and diffusers change switches of the whole process while they construct: the
    default dtype, and constructors that take no memory. A model that is constructed or run on
    another thread meanwhile would get weights without values.
    """

    def __init__(self, models: int = 1) -> None:
        self._one_at_a_time = Lock()
        self._all_constructed = Barrier(models)

    @contextmanager
    def reading(self, progress: LoadProgress) -> Iterator[None]:
        """Reads a model's files, side by side with others', then holds the lock.

        Raises OtherModelFailed if another model's construction failed.
        """
        try:
            progress.read()
            with self._one_at_a_time:
                progress.stage = "being placed"
                yield
        except BaseException:
            self._all_constructed.abort()
            raise
        progress.stage = "waiting for the other model"
        try:
            self._all_constructed.wait()
        except BrokenBarrierError:
            raise OtherModelFailed from None
        progress.stage = "warming up"


class Warmable(Protocol):
    """A model that was constructed and has not computed yet."""

    def warm_up(self) -> None: ...


Model = TypeVar("Model", bound=Warmable)
Result = TypeVar("Result")


def load_warm(
    construct: "Callable[[LocalCheckpoint, Placement], Model]",
    checkpoint: LocalCheckpoint,
    placement: "Placement",
    progress: LoadProgress,
    lock: ConstructionLock,
) -> Model:
    """The model, warm, on the thread that is to own it; says so on stderr."""
    started = time.monotonic()
    device = placement.device
    with lock.reading(progress):
        model = on_short_lived_thread(device, lambda: construct(checkpoint, placement))
    model.warm_up()
    progress.stage = ""
    role, seconds = ROLES[checkpoint.known.family], time.monotonic() - started
    print(f"The {role} is warm on {device} after {seconds:.1f} s.", file=sys.stderr)
    return model


def on_short_lived_thread(device: "torch.device", work: Callable[[], Result]) -> Result:
    """What ``work`` returns; on a CPU it runs on a thread that then ends.

    OpenMP keeps a pool for every thread that ever computed, and once all pools together have more
    threads than there are cores, each barrier of each of them goes to sleep. Beside an idle pool of
    the captioner's a small UNet took half as long again.
    """
    if device.type != "cpu":
        return work()
    with ThreadPoolExecutor(1, "short-lived") as threads:
        return threads.submit(work).result()
