"""A picture becomes a job: a place in the queue, then a caption, then an image from it."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from PIL import Image

from captioner.request import CaptionRequest
from generator.job import Failed, Job
from generator.request import GenerationRequest, InvalidRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp.captioning import Captioned, Captioning
from webapp.services import Services

NO_CAPTION = "The captioner has no words for this picture: try another one."
CAPTION_FAILED = "The captioner failed on this picture: try another one."
NO_ROOM = "There is not enough free memory for a caption: try again in a minute."


def start(services: Services, image: Image.Image, parameters: Mapping[str, object]) -> Job:
    """Returns at once; the job's log tells the rest.

    Reserves a place in the queue first, so that no client waits for a caption and is then refused.
    Raises InvalidRequest for a wrong parameter, QueueFull and EngineClosed.
    """
    if "prompt" in parameters:
        raise InvalidRequest("prompt", "is the picture's caption: leave this field out.")
    template = services.generator.info.request("to be captioned", **parameters)
    job = services.generator.reserve()
    job.publish(Captioning())
    try:
        future = services.captioner.submit(CaptionRequest(image))
    except EngineClosed as error:
        job.publish(Failed(str(error), stopped=True))
        raise
    job.when_finished(lambda: _give_up(future))
    future.add_done_callback(lambda done: _generate(services, job, template, done))
    return job


def _give_up(caption: "Future[str]") -> None:
    """Cancels the caption of a job that ended early; a caption that is made stays."""
    caption.cancel()


def _generate(
    services: Services, job: Job, template: GenerationRequest, caption: "Future[str]"
) -> None:
    """Called on the captioner's thread when the caption is made, has failed or was cancelled."""
    if caption.cancelled():
        return
    if (failure := caption.exception()) is not None:
        job.publish(_failed(failure))
        return
    job.publish(Captioned(caption.result()))
    if not caption.result().strip():
        job.publish(Failed(NO_CAPTION))
        return
    try:
        services.generator.submit(replace(template, prompt=caption.result()), job)
    except InvalidRequest:  # the caption is no prompt: too long, for example
        job.publish(Failed(CAPTION_FAILED))
    except EngineClosed as error:
        job.publish(Failed(str(error), stopped=True))


def _failed(failure: BaseException) -> Failed:
    if isinstance(failure, EngineClosed):
        return Failed(str(failure), stopped=True)
    return Failed(NO_ROOM if isinstance(failure, MemoryError) else CAPTION_FAILED)
