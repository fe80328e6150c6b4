"""Start, load and memory, which are measured in processes of their own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from scripts.benchmarks import client
from scripts.benchmarks.arguments import PROMPT
from scripts.benchmarks.comparison import Comparison, Figure, interleave
from scripts.benchmarks.models import Subject
from scripts.benchmarks.programs.phases import Phase, run
from scripts.benchmarks.server_process import serving

BARE = "the bare program"
SERVER = "the server"
LIBRARIES = "the libraries alone"
OURS = "ours"
PROGRAMS = "scripts.benchmarks.programs"


def start(subject: Subject) -> Iterator[Comparison]:
    """Measures from the command to the first answer, beside the same models without a server."""
    ways: dict[str, Callable[[], list[float]]] = {
        BARE: lambda: start_bare(subject),
        SERVER: lambda: start_server(subject),
    }
    plan = subject.plan
    seconds = interleave(ways, min(plan.repeat, plan.starts), plan.warms_up)
    figures = [
        Figure.of("ready, s", {SERVER: seconds[SERVER]}, lambda each: each[0]),
        Figure.of("first image, s", seconds, lambda each: each[-1]),
    ]
    yield Comparison("Start: from the command to", figures)


def start_server(subject: Subject) -> list[float]:
    """Seconds until it says that it is ready, and until an image that is then asked for."""
    with serving(subject.flags) as server:
        client.wait_until_ready(server.page_port)
        ready = time.perf_counter() - server.launched
        asked = {"prompt": PROMPT, "num_inference_steps": subject.steps}
        client.generate_image(server.api_port, asked)
        return [ready, time.perf_counter() - server.launched]


def start_bare(subject: Subject) -> list[float]:
    """Seconds until its image."""
    arguments = [*subject.folders, subject.device, subject.steps, subject.guidance_scale]
    return [phase.seconds for phase in run(f"{PROGRAMS}.bare_start", *arguments)]


def load(subject: Subject) -> Iterator[Comparison]:
    """Measures from nothing to warm, and the most memory: the libraries in turn, and ours."""
    plan, at_once = subject.plan, max(subject.plan.requests)
    plain = [*subject.folders, subject.device, subject.guidance_scale, at_once]
    ways: dict[str, Callable[[], list[Phase]]] = {
        LIBRARIES: lambda: run(f"{PROGRAMS}.plain_load", *plain),
        OURS: lambda: run(f"{PROGRAMS}.our_load", at_once, *subject.flags),
    }
    phases = interleave(ways, min(plan.repeat, plan.starts), plan.warms_up)
    seconds = Figure.of("from the command to warm, s", phases, lambda each: each[0].seconds)
    note = "With imports and a first small caption and image."
    yield Comparison("Load of both models", [seconds], note)
    yield compare_memory(phases, subject.device)


def compare_memory(phases: Mapping[str, Sequence[list[Phase]]], device: torch.device) -> Comparison:
    """Each way's phases are by repetition."""

    def gigabytes(place: int) -> Callable[[list[Phase]], float]:
        return lambda each: each[place].peak_bytes / 1e9

    figures = [
        Figure.of(f"{phase.name}, GB", phases, gigabytes(place))
        for place, phase in enumerate(phases[OURS][0])
    ]
    what = "host memory up to the end of each phase"
    if device.type == "cuda":
        what = "GPU memory in tensors within each phase"
    return Comparison("Peak memory", figures, f"The most {what}. Both models stay loaded.")
