"""From nothing to warm, and the memory at most: ours and the libraries', each in a new process."""

from collections.abc import Callable, Sequence

from models_cache.choice import Choice
from scripts.benchmarks import phases
from scripts.benchmarks.comparison import Both, Comparison
from scripts.benchmarks.phases import Phase
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.repetition import interleave

LIBRARIES = "the libraries, one after the other"
OURS = "ours, side by side"
PIPELINE = "the libraries, one call"
ENGINE = "ours, submitted apart"


def measure(
    choice: Choice, device: str, flags: Sequence[str], plan: Plan
) -> tuple[Comparison, Comparison]:
    """Of the load, and of the memory. ``flags`` make a server load ``choice`` on ``device``."""
    at_once = str(max(plan.requests))
    folders = [str(choice.captioner.folder), str(choice.generator.folder)]
    guidance_scale = str(choice.generator.checkpoint.guidance_scale)
    plain = [*folders, device, guidance_scale, at_once]
    variants: dict[str, Callable[[], list[Phase]]] = {
        LIBRARIES: lambda: phases.run("scripts.benchmarks.plain_load", plain),
        OURS: lambda: phases.run("scripts.benchmarks.our_load", [at_once, *flags]),
    }
    told = interleave(variants, min(plan.repeat, plan.starts), plan.warms_up)
    return load(told[LIBRARIES], told[OURS]), memory(told[LIBRARIES], told[OURS], device)


def load(plain: Sequence[Sequence[Phase]], ours: Sequence[Sequence[Phase]]) -> Comparison:
    """By repetition, then by phase; the first phase is the load."""
    both = Both(
        "from the command to warm, s",
        [each[0].seconds for each in plain],
        [each[0].seconds for each in ours],
    )
    note = "With imports and a first small caption and image."
    return Comparison("Load of both models", LIBRARIES, OURS, [both], note)


def memory(
    plain: Sequence[Sequence[Phase]], ours: Sequence[Sequence[Phase]], device: str
) -> Comparison:
    """By repetition, then by phase."""
    rows = [
        Both(f"{theirs[0].name}, GB", gigabytes(theirs), gigabytes(mine))
        for theirs, mine in zip(zip(*plain, strict=True), zip(*ours, strict=True), strict=True)
    ]
    is_cuda = device.startswith("cuda")
    what = "GPU memory in tensors within each phase" if is_cuda else "host memory up to each phase"
    note = f"The most {what}; both models stay loaded."
    return Comparison("Peak memory", PIPELINE, ENGINE, rows, note)


def gigabytes(repetitions: Sequence[Phase]) -> list[float]:
    return [phase.peak_bytes / 1e9 for phase in repetitions]
