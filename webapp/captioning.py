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
    status: ClassVar = "queued"
    caption: str


def caption_of(job: Job) -> str | None:
    return next((event.caption for event in job.events if isinstance(event, Captioned)), None)
