"""Whether the models fit a GPU, worked out from their files before anything is loaded.

Weights are exact: they are counted in the headers of the files. What a step and a decode take
beside them is predicted, and grows with the number of pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models_cache.size import in_words

# What kernels take at their first use (100 MB on an H200), what the allocator cannot use of what it
# holds (170 MB), and what a batch of captions takes beside a painting (256 MB).
RESERVE_BYTES = 600_000_000
MOST_AT_ONCE = 4  # images: more fill a GPU no better


class Memory(StrEnum):
    AUTO = "auto"
    RESIDENT = "resident"
    OFFLOAD = "offload"


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes on the GPU. ``stay`` are weights that are always there, by what they are of.

    ``come`` are weights that can wait in host memory until their turn. ``step`` is what one image's
    denoising step takes, ``decode`` what the decode of one tile does.
    """

    stay: Mapping[str, int]
    come: Mapping[str, int]
    step: int
    decode: int

    def resident(self) -> int:
        """Everything stays on the GPU."""
        return self._always() + sum(self.come.values()) + self._work()

    def offload(self) -> int:
        """One thing at a time: what comes in does so when no step and no decode is at work."""
        return self._always() + max(*self.come.values(), self._work())

    def _always(self) -> int:
        return sum(self.stay.values()) + RESERVE_BYTES

    def _work(self) -> int:
        return max(self.step, self.decode)


@dataclass(frozen=True, slots=True)
class Plan:
    """``profile`` is RESIDENT or OFFLOAD; ``arithmetic`` is for the owner to read.

    ``at_once`` is how many images can be denoised together, from 1 to MOST_AT_ONCE.
    """

    profile: Memory
    at_once: int
    arithmetic: str


def plan(asked: Memory, needs: Needs, free_bytes: int) -> Plan:
    """``asked`` goes before what fits; AUTO takes RESIDENT wherever that fits."""
    profile = asked
    if asked is Memory.AUTO:
        fits = needs.resident() <= free_bytes
        profile = Memory.RESIDENT if fits else Memory.OFFLOAD
    is_resident = profile is Memory.RESIDENT
    needed = needs.resident() if is_resident else needs.offload()
    more = (free_bytes - needed) // needs.step if needs.step else MOST_AT_ONCE
    at_once = max(1, min(MOST_AT_ONCE, 1 + more))
    terms = _resident_sum(needs) if is_resident else _offload_sum(needs)
    free = f"{in_words(free_bytes)} are free"
    verdict = f"{free}." if needed <= free_bytes else f"only {free}: it may not fit."
    return Plan(profile, at_once, f"Memory: {profile}. {terms} = {in_words(needed)}; {verdict}")


def _resident_sum(needs: Needs) -> str:
    work = {"work": max(needs.step, needs.decode), "reserve": RESERVE_BYTES}
    return _terms({**needs.stay, **needs.come, **work}, " + ")


def _offload_sum(needs: Needs) -> str:
    stay = _terms({**needs.stay, "reserve": RESERVE_BYTES}, " + ")
    turns = _terms({**needs.come, "work": max(needs.step, needs.decode)}, ", ")
    return f"{stay} + the largest of ({turns})"


def _terms(sizes: Mapping[str, int], separator: str) -> str:
    return separator.join(f"{name} {in_words(size)}" for name, size in sizes.items())
