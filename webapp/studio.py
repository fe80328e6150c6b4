"""The page: one grid for every state of a job, drawn by the server."""

from collections.abc import Mapping, Sequence

from flask import render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from captioner.heif import open_heif
from captioner.request import MAX_BEAMS, MAX_NEW_TOKENS
from generator.job import Failed, Job, Succeeded
from generator.pace import Outlook
from webapp import examples, mine
from webapp.captioning import captioned
from webapp.client import client
from webapp.dialects.answer import Answer
from webapp.job_store import Entry
from webapp.order import COUNTS, LIKE_YOURS, SHAPES, options_of
from webapp.services import services

# What the page calls the fields of its form.
LABELS = {
    "prompt": "In words",
    "images": "How many",
    "shape": "Shape",
    "negative_prompt": "Avoid",
    "num_inference_steps": "Steps",
    "guidance_scale": "Guidance",
    "seed": "Seed",
    "prefix": "Words begin with",
    "max_new_tokens": "Longest words",
    "num_beams": "Beams",
}
WAITING = ("queued", "captioning", "running")


def empty(error: str | None = None, problems: Mapping[str, str] | None = None) -> str:
    """The page before a picture is sent, or after one was refused."""
    return _render(None, error, problems or {})


def of_job(
    entry: Entry, error: str | None = None, problems: Mapping[str, str] | None = None
) -> str:
    """The page of a job; with ``fill`` in its address, with what the picture's file said."""
    return _render(entry, error, problems or {})


class JobView(Answer):
    """A job as JSON tells it, and as the page shows it.

    ``before`` counts the images that come first, and ``seconds`` are what is left, if known.
    """

    id: str
    status: str
    caption: str | None
    is_familiar: bool | None
    prompt: str | None
    negative_prompt: str | None
    seed: int | None
    width: int
    height: int
    guidance_scale: float | None
    step: int
    num_steps: int | None
    num_inference_steps: int | None
    before: int
    seconds: int | None
    siblings: list[str]
    unseen_words: list[str]
    error: str | None


def format_job(entry: Entry) -> JobView:
    job = entry.job
    status = job.status  # read first: the events that it implies are there by now
    progress, outcome, generation = job.progress, job.outcome, job.request
    said, outlook = captioned(job), _outlook(job)
    return JobView(
        id=job.id,
        status=status,
        caption=said.caption if said else None,
        is_familiar=said.is_familiar if said else None,
        prompt=generation.prompt if generation else None,
        negative_prompt=generation.negative_prompt if generation else None,
        seed=generation.seed if generation else None,
        width=entry.size[0],
        height=entry.size[1],
        guidance_scale=generation.guidance_scale if generation else None,
        step=progress.step if progress else 0,
        num_steps=progress.num_steps if progress else None,
        num_inference_steps=generation.num_inference_steps if generation else None,
        before=outlook.before,
        seconds=outlook.seconds,
        siblings=list(entry.siblings),
        unseen_words=list(outcome.unseen_words) if isinstance(outcome, Succeeded) else [],
        error=outcome.error if isinstance(outcome, Failed) else None,
    )


def _outlook(job: Job) -> Outlook:
    return Outlook(0, None) if job.is_finished else services().generator.outlook(job)


def server_state() -> str:
    """The header's words for how the server is."""
    if loading := services().unfinished_loading:
        total = sum(each.total_bytes for each in loading)
        loaded = sum(each.loaded_bytes for each in loading)
        return f"Loading {100 * loaded // total if total else 0} %"
    if services().lack_replicas:
        return "No replica now"
    own = mine.entries(request, services().jobs)
    before = services().generator.before(client())
    others = before - sum(not each.job.is_finished for each in own)
    return f"{others} before you" if others > 0 else "Ready"


def _render(entry: Entry | None, error: str | None, problems: Mapping[str, str]) -> str:
    view = format_job(entry) if entry else None
    strip, siblings = mine.entries(request, services().jobs), _siblings(entry)
    chosen = _chosen(entry)
    return render_template(
        "studio.html",
        entry=entry,
        view=view,
        state=_state(view),
        siblings=siblings,
        pending=any(not each.job.is_finished for each in siblings),
        error=error,
        problems=problems,
        is_strip_pending=any(not each.job.is_finished for each in strip),
        fields=_fields(entry) or chosen,
        is_filled="fill" in request.args,
        is_chosen=bool(chosen),
        labels=LABELS,
        choices={"images": COUNTS, "shape": _shapes()},
        limits={"max_new_tokens": MAX_NEW_TOKENS, "num_beams": MAX_BEAMS},
        info=services().generator.info,
        loadings=services().unfinished_loading,
        server_state=server_state(),
        preview_step=entry.job.preview[0] if entry and entry.job.preview else None,
        knows_photos=services().knows_photos,
        examples=[] if services().knows_photos else examples.names(),
        strip=strip,
        reads_heic=open_heif is not None,
    )


def _state(view: JobView | None) -> str:
    if view is None:
        return "empty"
    if view.status in WAITING:
        return "working"
    return "done" if view.status == "succeeded" else "failed"


def _siblings(entry: Entry | None) -> Sequence[Entry]:
    known = services().jobs.known(entry.siblings) if entry else []
    return known if len(known) > 1 else []


def _shapes() -> Sequence[str]:
    """A checkpoint that draws squares alone offers no choice."""
    return SHAPES if len(services().generator.info.sizes) > 1 else (LIKE_YOURS,)


def _chosen(entry: Entry | None) -> Mapping[str, str]:
    """The options of the job that is shown, to be painted with again; none if a form was sent."""
    if entry is None or request.method == "POST":
        return {}
    return options_of(entry.order, services().generator.info, entry.original.size)


def _fields(entry: Entry | None) -> Mapping[str, str]:
    """The fields as typed; none if the form is too large to be read."""
    if entry and "fill" in request.args:
        return entry.original.fields
    try:
        return request.form
    except RequestEntityTooLarge:
        return {}
