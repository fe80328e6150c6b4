"""Counts how much of what was asked for was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from scripts.demo_models.judges import is_shown, mismatched
from scripts.demo_models.scenes import Scene


@dataclass(frozen=True)
class Verdict:
    """``wrong`` holds what was asked for and what was seen, if they differ."""

    total: int
    wrong: tuple[tuple[str, str], ...]

    @property
    def share_right(self) -> float:
        return 1 - len(self.wrong) / self.total

    def __str__(self) -> str:
        return (
            f"{self.total - len(self.wrong)} of {self.total} right ({100 * self.share_right:.1f} %)"
        )


def same_words(asked: Sequence[str], seen: Sequence[str]) -> Verdict:
    """Compares captions word for word."""
    pairs = list(zip(asked, seen, strict=True))
    return Verdict(len(pairs), tuple(pair for pair in pairs if pair[0] != pair[1]))


def shown(asked: Sequence[Scene], seen: Sequence[Scene | None]) -> Verdict:
    """Counts the images that showed the things, colours, places and setting of their scenes."""
    pairs = list(zip(asked, seen, strict=True))
    wrong = [(one.caption, _words(other)) for one, other in pairs if not is_shown(one, other)]
    return Verdict(len(pairs), tuple(wrong))


def refused(scenes: Sequence[Scene], seen: Sequence[Scene | None]) -> Verdict:
    """Counts the scenes, each with one word changed, that a judge who saw ``seen`` refuses."""
    rng = Random("mismatched")
    pairs = list(zip((mismatched(scene, rng) for scene in scenes), seen, strict=True))
    wrong = [(lie.caption, _words(other)) for lie, other in pairs if is_shown(lie, other)]
    return Verdict(len(pairs), tuple(wrong))


def _words(seen: Scene | None) -> str:
    return seen.caption if seen else "no scene"
