"""AUTOMATIC1111's progress and interrupt: of a client's own jobs of this dialect alone."""

from collections.abc import Sequence
from io import BytesIO

from flask import Response, request
from PIL.PngImagePlugin import PngInfo
from pybase64 import b64encode_as_string

from generator.job import Cancelled, Job
from generator.png import mark
from webapp.client import client
from webapp.dialects.answer import answered
from webapp.dialects.automatic1111_answers import Nothing, Progress, State
from webapp.dialects.description import Description, described
from webapp.dialects.dialect import AnySlash
from webapp.services import services

bp = AnySlash("progress", __name__)

# Clients take a progress of nought for idleness.
LEAST_PROGRESS = 0.01


@bp.get("/progress")
@described(Description(answer=Progress))
def progress() -> Response:
    """How far the client's images are; all is nought while it waits for none.

    ``current_image`` is the latest preview, unless ``skip_current_image`` is true.
    """
    jobs = services().automatic1111.jobs_of(client())
    current = next((job for job in jobs if not job.is_finished), None)
    skips = request.args.get("skip_current_image", "").lower() in ("true", "1")
    return answered(
        Progress(
            progress=_progress(jobs),
            eta_relative=_seconds(jobs),
            state=_state(jobs, current),
            current_image=None if skips else _preview(current),
        )
    )


@bp.post("/interrupt")
@described(Description(answer=Nothing))
def interrupt() -> Response:
    """Ends the client's jobs now; its requests are answered with what was ready."""
    _interrupt()
    return answered(Nothing())


@bp.post("/skip")
@described(Description(answer=None))
def skip() -> Response:
    """As interrupt: images of one request are painted together, so no next one is left."""
    _interrupt()
    return answered(None)


def _interrupt() -> None:
    for job in services().automatic1111.jobs_of(client()):
        job.cancel()


def _progress(jobs: Sequence[Job]) -> float:
    """From 0 to 1."""
    if not jobs:
        return 0.0
    return max(LEAST_PROGRESS, sum(map(_share, jobs)) / len(jobs))


def _share(job: Job) -> float:
    """How much of one image is done."""
    if job.is_finished:
        return 1.0
    return job.progress.step / job.progress.num_steps if job.progress else 0.0


def _seconds(jobs: Sequence[Job]) -> float:
    """Until the last one ends; 0 if that is not known."""
    outlook = services().generator.outlook
    return float(max((outlook(job).seconds or 0 for job in jobs if not job.is_finished), default=0))


def _state(jobs: Sequence[Job], current: Job | None) -> State:
    progress = current.progress if current else None
    return State(
        interrupted=any(isinstance(job.outcome, Cancelled) for job in jobs),
        job="txt2img" if jobs else "",
        job_count=len(jobs),
        job_no=sum(job.is_finished for job in jobs),
        sampling_step=progress.step if progress else 0,
        sampling_steps=progress.num_steps if progress else 0,
    )


def _preview(job: Job | None) -> str | None:
    """A PNG in base64."""
    if job is None or job.preview is None:
        return None
    _, image = job.preview
    file, text = BytesIO(), PngInfo()
    mark(text, services().generator.info.marking.xmp)
    image.save(file, "PNG", pnginfo=text)
    return b64encode_as_string(file.getvalue())
