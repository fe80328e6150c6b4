"""Events of a job whose picture is captioned, before the generator has its request."""

from dataclasses import dataclass
from typing import ClassVar

from generator.job import Job


@dataclass(frozen=True, slots=True)
class Captioning:
    """The picture waits for its caption."""

    status: ClassVar = "captioning"


@dataclass(frozen=True, slots=True)
class Captioned:
    """``is_familiar`` is False if the words are a guess, None if nobody can tell."""

    status: ClassVar = "queued"
    caption: str
    is_familiar: bool | None = None


def captioned(job: Job) -> Captioned | None:
    """The event of the job's caption; None before it, and if words were sent in its place."""
    return next((event for event in job.events if isinstance(event, Captioned)), None)
