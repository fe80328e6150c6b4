"""One image of more and more steps, from which follows what one step takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import linear_regression

from generator.request import GenerationRequest
from generator.sdxl import SDXL
from scripts.benchmarks.comparison import Both, Comparison
from scripts.benchmarks.engine_benchmark import Painted, one_by_one, submitted_apart
from scripts.benchmarks.painting import running
from scripts.benchmarks.plan import Plan, draw_requests
from scripts.benchmarks.repetition import in_own_thread, interleave, pixel_difference

PIPELINE = "pipeline alone"
ENGINE = "engine"

Way = Callable[[GenerationRequest], Painted]


def measure(sdxl: SDXL, max_batch_size: int, plan: Plan) -> Comparison:
    (request,) = draw_requests(sdxl.info, plan, 1)
    ways: dict[str, Way] = {
        PIPELINE: lambda asked: in_own_thread(lambda: one_by_one(sdxl.pipeline, [asked])),
        ENGINE: lambda asked: by_engine(sdxl, max_batch_size, asked),
    }
    variants = {
        (name, steps): partial(way, replace(request, num_inference_steps=steps))
        for steps in plan.step_counts
        for name, way in ways.items()
    }
    painted = interleave(variants, plan.repeat, plan.warms_up)
    seconds = {place: [one.latencies[0] for one in all_] for place, all_ in painted.items()}
    return Comparison(
        "One image by steps", PIPELINE, ENGINE, rows(seconds, plan.step_counts), note(painted)
    )


def by_engine(sdxl: SDXL, max_batch_size: int, request: GenerationRequest) -> Painted:
    with running(sdxl, max_batch_size) as engine:
        return submitted_apart(engine, [request])


def rows(
    seconds: Mapping[tuple[str, int], Sequence[float]], step_counts: Sequence[int]
) -> list[Both]:
    images = [
        Both(f"{steps} steps, s", seconds[PIPELINE, steps], seconds[ENGINE, steps])
        for steps in step_counts
    ]
    of_one = Both(
        "one step (slope), s",
        slopes(step_counts, [image.plain for image in images]),
        slopes(step_counts, [image.ours for image in images]),
    )
    return [*images, of_one]


def slopes(step_counts: Sequence[int], seconds: Sequence[Sequence[float]]) -> list[float]:
    """Least squares within each repetition: what an image takes besides its steps falls out.

    ``seconds`` are by number of steps, then by repetition.
    """
    return [linear_regression(step_counts, each).slope for each in zip(*seconds, strict=True)]


def note(painted: Mapping[tuple[str, int], Sequence[Painted]]) -> str:
    difference = max(
        pixel_difference(one.images, painted[PIPELINE, steps][0].images)
        for (_, steps), all_ in painted.items()
        for one in all_
    )
    return f"The images of the variants differ by at most {difference} of 255."
