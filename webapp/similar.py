"""A picture becomes jobs: places in the queue, then one caption, then images from it."""

from concurrent.futures import Future

from PIL import Image

from captioner.request import Caption
from captioner.wording import without_tics
from generator.job import Failed, Job
from generator.request import GenerationRequest, InvalidRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp.captioning import Captioned, Captioning
from webapp.failures import CAPTION_FAILED, NO_CAPTION
from webapp.order import Order
from webapp.services import Services

NO_ROOM = "There is not enough free memory for a caption: try again in a minute."


def start(services: Services, image: Image.Image, order: Order, client: str = "") -> list[Job]:
    """Returns at once; the jobs' logs tell the rest. Clients take turns, with captions too.

    Reserves places in the queue first, so that no client waits for a caption and is then refused.
    Raises QueueFull and EngineClosed.
    """
    jobs = services.generator.reserve(len(order.requests), client)
    caption(services, jobs, image, order, client)
    return jobs


def caption(
    services: Services, jobs: list[Job], image: Image.Image, order: Order, client: str
) -> None:
    """Has jobs with places in the queue captioned, then painted. Raises EngineClosed."""
    for job in jobs:
        job.publish(Captioning())
    try:
        future = services.captioner.submit(order.caption_request(image), client)
    except EngineClosed as error:
        _fail(jobs, Failed(str(error), stopped=True))
        raise
    for job in jobs:
        job.when_finished(lambda: _give_up(jobs, future))
    future.add_done_callback(lambda done: _generate(services, jobs, order, done))


def again(
    services: Services,
    order: Order,
    prompt: str,
    captioned: Captioned | None,
    client: str = "",
) -> list[Job]:
    """Paints words that were edited; ``captioned`` is what the model said of the same picture.

    Raises InvalidRequest, QueueFull and EngineClosed.
    """
    requests = order.with_words(prompt)
    jobs = services.generator.reserve(len(requests), client)
    for job in jobs:
        if captioned is not None:
            job.publish(captioned)
    _submit(services, jobs, requests)
    return jobs


def _give_up(jobs: list[Job], to_come: "Future[Caption]") -> None:
    """Jobs that all end early need no caption; a caption that is there is not disturbed."""
    if all(job.is_finished for job in jobs):
        to_come.cancel()


def _generate(services: Services, jobs: list[Job], order: Order, done: "Future[Caption]") -> None:
    """Runs on a thread of the captioner's, as soon as the caption is there or has failed."""
    if done.cancelled():
        return
    if (failure := done.exception()) is not None:
        _fail(jobs, _failed(failure))
        return
    said = done.result()
    for job in jobs:
        job.publish(Captioned(said, said.is_familiar))
    words = said if order.keeps_tics else without_tics(said)
    if not words.strip():
        _fail(jobs, Failed(NO_CAPTION))
        return
    try:
        _submit(services, jobs, order.with_words(words))
    except InvalidRequest:  # a caption that is no prompt, as one without end
        _fail(jobs, Failed(CAPTION_FAILED))
    except EngineClosed as error:
        _fail(jobs, Failed(str(error), stopped=True))


def _submit(services: Services, jobs: list[Job], requests: list[GenerationRequest]) -> None:
    for job, request in zip(jobs, requests, strict=True):
        services.generator.submit(request, job)
        services.jobs.note(job)


def _fail(jobs: list[Job], outcome: Failed) -> None:
    for job in jobs:
        job.publish(outcome)


def _failed(failure: BaseException) -> Failed:
    if isinstance(failure, EngineClosed):
        return Failed(str(failure), stopped=True)
    return Failed(NO_ROOM if isinstance(failure, MemoryError) else CAPTION_FAILED)
