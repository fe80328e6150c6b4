"""Our server beside LitServe, which batches whole requests of diffusers' pipeline, over HTTP.

Both are processes of their own with the same weights, and get the same requests at the same times.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import compress
from statistics import fmean

from generator.model_info import ModelInfo
from generator.pipeline import read_model_info
from generator.request import GenerationRequest
from models_cache.catalog import Family
from scripts.benchmarks import client
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.arrivals import at_once, poisson, send_all
from scripts.benchmarks.comparison import Comparison, Figure, Target, interleave
from scripts.benchmarks.images import Painted, agreement, largest_difference
from scripts.benchmarks.models import Subject
from scripts.benchmarks.painting import draw_requests
from scripts.benchmarks.peer_process import Peer, serving_peer
from scripts.benchmarks.server_process import Server, serving

LITSERVE = "LitServe, whole requests"
OURS = "ours, step by step"
RATES = (1.5, 2.5, 4.0)  # requests a second, for the demo models on two cores
MIXED_RATE = 2.0
MAX_TIME_OF_BURST = 1.02
MAX_LATENCY = 1.0
MAX_LATENCY_OF_SHORT = 0.5

Schedules = Callable[[], Iterator[list[float]]]
Measured = Mapping[str, Sequence[Painted]]


def is_installed() -> bool:
    return find_spec("litserve") is not None


def peers(subject: Subject) -> Iterator[Comparison]:
    checkpoint = subject.models.checkpoints[Family.SDXL]
    arguments = checkpoint.folder, subject.device, subject.guidance_scale
    with serving_peer(*arguments) as peer, serving(subject.flags) as server:
        client.wait_until_ready(server.page_port)
        yield from beside(peer, server, read_model_info(checkpoint), subject.plan)


def beside(peer: Peer, server: Server, info: ModelInfo, plan: Plan) -> Iterator[Comparison]:
    """Both servers are ready."""

    def measured(requests: Sequence[GenerationRequest], schedules: Schedules) -> Measured:
        ways = both_ways(peer, server, requests, schedules)
        return interleave(ways, plan.repeat, plan.warms_up)

    count = max(plan.requests)
    yield compare_burst(measured(draw_requests(info, plan, count), partial(at_once, count)))
    requests = draw_requests(info, plan, plan.arrivals)
    for rate in RATES:
        yield compare_rate(rate, measured(requests, partial(poisson, rate, plan.arrivals)))
    mixed = mix(requests, plan.mixed_steps)
    schedules = partial(poisson, MIXED_RATE, plan.arrivals)
    yield compare_mixed(mixed, plan.mixed_steps, measured(mixed, schedules))


def both_ways(
    peer: Peer, server: Server, requests: Sequence[GenerationRequest], schedules: Schedules
) -> dict[str, Callable[[], Painted]]:
    """Each call takes the next schedule: both ways get the same ones in turn."""
    of_peer, of_ours = schedules(), schedules()

    def by_peer() -> Painted:
        with peer.awake():
            return send_all(partial(client.predict, peer.port), requests, next(of_peer))

    def by_ours() -> Painted:
        return send_all(partial(client.generate_image, server.api_port), requests, next(of_ours))

    return {LITSERVE: by_peer, OURS: by_ours}


def mix(requests: Sequence[GenerationRequest], steps: Sequence[int]) -> list[GenerationRequest]:
    """Few and many steps in turn."""
    return [
        replace(request, num_inference_steps=steps[place % len(steps)])
        for place, request in enumerate(requests)
    ]


def compare_burst(painted: Measured) -> Comparison:
    count = len(painted[OURS][0].latencies)
    worst, mean = _worst(painted), _mean(painted)
    taken = worst.spreads(LITSERVE)["ratio"]
    target = Target(
        f"burst of {count}: ours / LitServe's, time until all are there",
        taken,
        "at most",
        MAX_TIME_OF_BURST,
    )
    return _comparison(f"a burst of {count}", [worst, mean], painted, [target])


def compare_rate(rate: float, painted: Measured) -> Comparison:
    mean = _mean(painted)
    taken = mean.spreads(LITSERVE)["ratio"]
    what = f"{rate:g} requests a second: ours / LitServe's, mean latency"
    target = Target(what, taken, "under", MAX_LATENCY)
    return _comparison(f"{rate:g} requests a second", [mean, _worst(painted)], painted, [target])


def compare_mixed(
    requests: Sequence[GenerationRequest], steps: Sequence[int], painted: Measured
) -> Comparison:
    """By the number of steps, the fewest first."""
    figures = [
        Figure.of(
            f"mean latency of those of {count} steps, s", painted, _mean_where(requests, count)
        )
        for count in steps
    ]
    taken = figures[0].spreads(LITSERVE)["ratio"]
    what = f"{steps[0]} steps among {steps[-1]}: ours / LitServe's, mean latency"
    target = Target(what, taken, "at most", MAX_LATENCY_OF_SHORT)
    title = f"{MIXED_RATE:g} requests a second of {' and '.join(map(str, steps))} steps"
    return _comparison(title, figures, painted, [target])


def _mean_where(requests: Sequence[GenerationRequest], steps: int) -> Callable[[Painted], float]:
    """The mean latency of those requests that ask for ``steps``."""
    chosen = [request.num_inference_steps == steps for request in requests]
    return lambda each: fmean(compress(each.latencies, chosen))


def _mean(painted: Measured) -> Figure:
    return Figure.of("mean latency, s", painted, lambda each: fmean(each.latencies))


def _worst(painted: Measured) -> Figure:
    return Figure.of("worst latency, s", painted, lambda each: max(each.latencies))


def _comparison(
    title: str, figures: Sequence[Figure], painted: Measured, targets: Sequence[Target]
) -> Comparison:
    return Comparison(
        f"Beside LitServe: {title}",
        figures,
        agreement(largest_difference(painted, LITSERVE)),
        targets,
        {"latencies, s": {way: [each.latencies for each in all_] for way, all_ in painted.items()}},
    )
