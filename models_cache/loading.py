"""How far the loading of a model is, and how several are loaded side by side."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Lock

BLOCK_BYTES = 8 * 2**20


class Loading:
    """Written by the thread that loads, read by any.

    ``name`` is the model's; sizes are those of its files of weights. ``stage`` is what happens now,
    as a person would put it; empty before the beginning and after the end.
    """

    def __init__(self, name: str, files: Mapping[str, Iterable[Path]]) -> None:
        self.name = name
        self.files = {component: list(paths) for component, paths in files.items()}
        every = [path for paths in self.files.values() for path in paths]
        self.total_bytes = sum(path.stat().st_size for path in every)
        self.stage = ""
        self.loaded_bytes = 0

    def read(self) -> None:
        """Reads every file once, in order, so that mapping them finds them in memory.

        Mapped files that are not are fetched in small pieces as they are touched: from a cold disk
        that takes several times as long, and nobody could tell how far it is.
        """
        for component, paths in self.files.items():
            self.stage = f"reading the {_words(component)}"
            for path in paths:
                self._read(path)
        self.stage = "waiting to be placed"

    def _read(self, path: Path) -> None:
        with path.open("rb", buffering=0) as file:
            block = bytearray(BLOCK_BYTES)
            while count := file.readinto(block):
                self.loaded_bytes += count

    def finish(self) -> None:
        """The model is warm."""
        self.stage = ""


class OtherModelFailed(Exception):
    """Another model could not be made; nothing is wrong with this one."""


class Placing:
    """Models are made one at a time, and none computes before the last of them is made.

    transformers and diffusers make a model under switches of the whole process: the default dtype,
    and constructors that take no memory. Whoever makes or runs another model meanwhile, on another
    thread, gets weights without values.
    """

    def __init__(self, models: int = 1) -> None:
        self._one_at_a_time = Lock()
        self._all_made = Barrier(models)

    @contextmanager
    def __call__(self, loading: Loading) -> Iterator[None]:
        """Reads a model's files, side by side with others', then is around its making.

        Raises OtherModelFailed where another's failed.
        """
        try:
            loading.read()
            with self._one_at_a_time:
                loading.stage = "being placed"
                yield
        except BaseException:
            self._all_made.abort()
            raise
        loading.stage = "waiting for the other model"
        try:
            self._all_made.wait()
        except BrokenBarrierError:
            raise OtherModelFailed from None
        loading.stage = "warming up"


def _words(component: str) -> str:
    names = {"unet": "UNet", "vae": "VAE", "text_encoder": "text encoder"}
    return names.get(component, component.replace("_2", " 2").replace("_", " "))
