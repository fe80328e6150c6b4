"""The engine's calls to a model and its samples: the seam between the queue and the torch."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from generator.model_info import ModelInfo
from generator.pace import InFlight
from generator.request import GenerationRequest

PREVIEWS = 5  # of one image, at most


class Sample(InFlight, Protocol):
    """One image between two steps (``generator.sample.Sample``)."""

    unseen_words: tuple[str, ...]

    @property
    def batch_key(self) -> Hashable: ...
    @property
    def is_denoised(self) -> bool: ...


class BegunAnew(Exception):
    """A decode found NaN: samples were set back by a step, or one to its first.

    It is no failure: they have steps before them again.
    """


class Model(Protocol):
    """The engine's calls to a model (``generator.sdxl.SDXL``), all on the engine's thread.

    A MemoryError means that fewer or smaller samples may fit, and that the failed call left
    nothing behind.
    """

    info: ModelInfo

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        """A sample for each request, in order; raises for one what it raises for all."""

    def denoise(self, samples: Sequence[Any]) -> Mapping[int, Exception]:
        """Moves each sample by one step.

        Raises before any sample has moved, or returns, by index, the errors of the samples whose
        own scheduler failed; all others have advanced.
        """

    def decode(self, samples: Sequence[Any]) -> Sequence[Image.Image]:
        """The image of each sample, in order; raises for one what it raises for all.

        But for BegunAnew, which one alone raises only if it has steps before it again.
        """

    def decode_batch_size(self, sample: Any) -> int:
        """How many samples like this one are decoded fastest in one call; at least 1."""


@runtime_checkable
class Improving(Protocol):
    """A model that can become faster, for whatever of the engine's time nothing else wants."""

    @property
    def fast_path(self) -> "FastPath": ...

    def improve(self) -> None:
        """Tries one thing that may be faster, which may take a minute."""


class FastPath(Protocol):
    """``verdicts`` and ``abandon`` are for any thread, the rest for the model's.

    ``generator.fast.path`` is one.
    """

    @property
    def name(self) -> str: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def has_trial(self) -> bool: ...
    @property
    def verdicts(self) -> Sequence[object]: ...

    def abandon(self) -> None:
        """Before the process ends by order, perhaps in the middle of a trial."""


@runtime_checkable
class Previewing(Protocol):
    """A model that can also show an image on its way, for next to no time."""

    def preview(self, sample: Any) -> Image.Image | None:
        """A small image of what the sample will be; None if there is none."""


def is_time_for_a_preview(sample: Sample) -> bool:
    """True after a few steps, evenly spread, but never where there are one or two.

    (It is true after the last as well; the job has ended by then.)
    """
    if sample.num_steps <= 2 or sample.step_index == 0:  # one that has begun anew
        return False
    before, now = (
        (PREVIEWS + 1) * step // sample.num_steps
        for step in (sample.step_index - 1, sample.step_index)
    )
    return now > before
