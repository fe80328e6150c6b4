"""What every dialect has done: captions and images, waited for as long as the client waits."""

from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace

from flask import current_app, request
from PIL import Image

from captioner.desk import MOST_AWAITED_OF_ONE, TooManyCaptions
from captioner.images import open_image
from captioner.request import Caption, CaptionRequest
from captioner.wording import without_tics
from generator.job import Failed, Job, Succeeded
from generator.queue import QueueFull
from generator.request import MAX_SEED, GenerationRequest, check_whole_number
from models_cache.runtime.model_thread import EngineClosed
from webapp.client import client
from webapp.dialects.prefix import check_prefix
from webapp.failures import (
    CAPTION_FAILED,
    NO_CAPTION,
    ClientLeft,
    PictureTooLarge,
    WorkFailed,
)
from webapp.logs import log_end_of
from webapp.order import NUMBERS
from webapp.services import services

# Of a picture, as on the page. Captioners look at a few hundred.
MOST_PIXELS_A_SIDE = 2048
# After so long without an event we look whether the client is still there.
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Painted:
    request: GenerationRequest
    outcome: Succeeded


def paint(generations: Sequence[GenerationRequest]) -> list[Painted]:
    """The images, in order. Raises QueueFull, EngineClosed, WorkFailed and ClientLeft."""
    jobs = start(generations)
    return [Painted(each, done) for each, done in zip(generations, outcomes(jobs), strict=True)]


def start(generations: Sequence[GenerationRequest]) -> list[Job]:
    """Queues all of them or none. Raises QueueFull and EngineClosed."""
    engine = services().generator
    jobs = engine.reserve(len(generations), client())
    for job, generation in zip(jobs, generations, strict=True):
        log_end_of(job)
        engine.submit(generation, job)
    return jobs


def outcomes(jobs: Sequence[Job]) -> list[Succeeded]:
    """Waits for all; if one fails or the client leaves, the others are cancelled."""
    try:
        return [_outcome(job) for job in jobs]
    finally:
        for job in jobs:
            job.cancel()


def _outcome(job: Job) -> Succeeded:
    for _ in job.follow(patience_seconds=PATIENCE_SECONDS):
        if has_left():
            job.cancel()
    return succeeded(job)


def succeeded(job: Job) -> Succeeded:
    """What a finished job made. Raises what its failure means."""
    outcome = job.wait()
    if isinstance(outcome, Succeeded):
        return outcome
    if isinstance(outcome, Failed):
        raise EngineClosed(outcome.error) if outcome.stopped else WorkFailed(outcome.error)
    raise ClientLeft


def caption(picture: bytes, prefix: str = "", **options: int) -> Caption:
    """The words for a picture; ``options`` are CaptionRequest's. Clients call a prefix prompt.

    Raises InvalidRequest, InvalidImage, PictureTooLarge, QueueFull, EngineClosed, MemoryError,
    WorkFailed and ClientLeft.
    """
    check_prefix("prompt", prefix)
    for name, value in options.items():
        check_whole_number(name, value, 1, NUMBERS[name])
    asked = CaptionRequest(read_picture(picture), prefix, **options)
    try:
        future = services().captioner.submit(asked, client(), is_awaited=True)
    except TooManyCaptions as error:
        raise QueueFull(1, MOST_AWAITED_OF_ONE if error.own else None) from error
    said = _caption(future)
    if not without_tics(said):
        raise WorkFailed(NO_CAPTION)
    return said


def read_picture(picture: bytes) -> Image.Image:
    """Small enough to be kept while it waits.

    Raises InvalidImage, PictureTooLarge and MemoryError.
    """
    if len(picture) > current_app.config["MAX_UPLOAD_MB"] << 20:
        raise PictureTooLarge
    encoded = open_image(picture)
    with services().decoding.take(encoded.decoding_bytes):
        return encoded.read(MOST_PIXELS_A_SIDE)


def _caption(future: "Future[Caption]") -> Caption:
    while True:
        try:
            return future.result(PATIENCE_SECONDS)
        except NotYet as error:
            if future.done() and future.exception() is error:  # a model may raise this too
                raise WorkFailed(CAPTION_FAILED) from error
            if has_left():
                future.cancel()
                raise ClientLeft from None
        except (EngineClosed, MemoryError):
            raise
        except Exception as error:  # the engine has logged it
            raise WorkFailed(CAPTION_FAILED) from error


def has_left() -> bool:
    """Whether nobody waits for the answer any more."""
    return bool(request.environ.get("waitress.client_disconnected", lambda: False)())


def with_seeds(generation: GenerationRequest, count: int) -> list[GenerationRequest]:
    """As many images of the same words; their seeds count up."""
    seeds = ((generation.seed + index) % (MAX_SEED + 1) for index in range(count))
    return [replace(generation, seed=seed) for seed in seeds]
