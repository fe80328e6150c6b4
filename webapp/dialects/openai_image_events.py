"""OpenAI's stream of images: partial images on the way, then each image."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image
from pybase64 import b64encode_as_string

from generator.job import Job, Previewed, Succeeded
from generator.request import GenerationRequest
from models_cache.runtime.model_thread import EngineClosed
from webapp.dialects.dialect import Told
from webapp.dialects.job_stream import ALIVE, HEARTBEAT_SECONDS, event
from webapp.dialects.openai_errors import error_object
from webapp.dialects.openai_image_options import Delivery
from webapp.dialects.openai_tokens import ImageTokens
from webapp.dialects.work import Painted, succeeded
from webapp.errors import message_of, status
from webapp.failures import ClientLeft, WorkFailed

PARTIAL = "image_generation.partial_image"
COMPLETED = "image_generation.completed"


@dataclass(frozen=True, slots=True)
class ImageEvents:
    delivery: Delivery
    patience_seconds: float = HEARTBEAT_SECONDS

    def tell(self, jobs: list[Job]) -> Iterator[str]:
        """One image after the other, to the first that fails."""
        try:
            for job in jobs:
                yield from self._image(job)
        except (EngineClosed, MemoryError, WorkFailed, ClientLeft) as error:
            yield event("error", error_object(Told(message_of(error), status(error))))

    def _image(self, job: Job) -> Iterator[str]:
        sent = 0
        for happened in job.follow(patience_seconds=self.patience_seconds):
            if happened is None:
                yield ALIVE
            elif isinstance(happened, Previewed) and self._is_due(job, sent):
                yield self._event(PARTIAL, preview_of(job), partial_image_index=sent)
                sent += 1
        yield self._event(COMPLETED, painted_of(job), usage=ImageTokens().model_dump())

    def _is_due(self, job: Job, sent: int) -> bool:
        """Whether the latest preview is one of those that are spread evenly over the steps."""
        if sent == self.delivery.partial_images or job.preview is None or job.is_finished:
            return False
        step, num_steps = job.preview[0], request_of(job).num_inference_steps
        return step * (self.delivery.partial_images + 1) >= (sent + 1) * num_steps

    def _event(self, name: str, painted: Painted, **more: object) -> str:
        format_, request = self.delivery.format, painted.request
        data = {
            "type": name,
            "b64_json": b64encode_as_string(format_.encode(painted, self.delivery.quality)),
            "created_at": int(time.time()),
            "size": f"{request.width}x{request.height}",
            "quality": "auto",
            "background": "opaque",
            "output_format": format_.name,
            "revised_prompt": request.prompt,
            "seed": request.seed,
        }
        return event(name, data | more)


def painted_of(job: Job) -> Painted:
    """Of a job that has ended. Raises what its failure means."""
    outcome = succeeded(job)
    return Painted(request_of(job), outcome)


def preview_of(job: Job) -> Painted:
    """The latest preview, in the size that the image will have."""
    assert job.preview is not None  # those who call have looked
    request = request_of(job)
    size = request.width, request.height
    image = job.preview[1].resize(size, Image.Resampling.BICUBIC)
    return Painted(request, Succeeded(image))


def request_of(job: Job) -> GenerationRequest:
    assert job.request is not None  # it is painted, or was
    return job.request
