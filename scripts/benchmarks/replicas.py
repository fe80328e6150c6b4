"""Our server with its models in its own process, and as replicas on a Ray cluster, over HTTP."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from generator.pipeline import read_model_info
from generator.request import GenerationRequest
from models_cache.catalog import Family
from scripts.benchmarks import client
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.arrivals import at_once, send_all
from scripts.benchmarks.comparison import Comparison, Figure, interleave
from scripts.benchmarks.images import Painted, agreement, largest_difference
from scripts.benchmarks.models import Subject
from scripts.benchmarks.painting import draw_requests
from scripts.benchmarks.server_process import Server, serving

HERE = "in the server's process"
ONE, TWO = "one replica", "two replicas"
FLAGS = {
    HERE: [],
    ONE: ["--engines", "ray", "--replicas", "1"],
    TWO: ["--engines", "ray", "--replicas", "2"],
}


def is_installed() -> bool:
    return find_spec("ray") is not None


def replicas(subject: Subject) -> Iterator[Comparison]:
    """All three servers at once: those that are not asked wait."""
    info = read_model_info(subject.models.checkpoints[Family.SDXL])
    requests = draw_requests(info, subject.plan, max(subject.plan.requests))
    with ExitStack() as servers:
        started = {
            way: servers.enter_context(serving([*subject.flags, *flags]))
            for way, flags in FLAGS.items()
        }
        for server in started.values():
            client.wait_until_ready(server.page_port)
        yield seam(started, requests[0], subject.plan)
        yield burst(started, requests, subject.plan)


def seam(servers: Mapping[str, Server], request: GenerationRequest, plan: Plan) -> Comparison:
    """What the way to a replica and back takes for each image and for each of its steps."""
    few, many = min(plan.step_counts), max(plan.step_counts)
    painted = {
        steps: asked(servers, [replace(request, num_inference_steps=steps)], plan, (HERE, ONE))
        for steps in (few, many)
    }
    seconds = {
        steps: {way: [each.latencies[0] for each in all_] for way, all_ in ways.items()}
        for steps, ways in painted.items()
    }
    slopes = {
        way: [
            1000 * (long - short) / (many - few)
            for short, long in zip(seconds[few][way], seconds[many][way], strict=True)
        ]
        for way in (HERE, ONE)
    }
    figures = [Figure(f"one image of {steps} steps, s", seconds[steps]) for steps in seconds]
    note = agreement(largest_difference(painted[few], HERE))
    return Comparison(
        "Replicas: one image", [*figures, Figure("one step (slope), ms", slopes)], note
    )


def burst(
    servers: Mapping[str, Server], requests: Sequence[GenerationRequest], plan: Plan
) -> Comparison:
    cores_of: dict[str, list[float]] = {way: [] for way in FLAGS}
    calls = {way: partial(_send_counting, servers[way], requests, cores_of[way]) for way in FLAGS}
    painted = interleave(calls, plan.repeat, plan.warms_up)
    figure = Figure.of(
        f"{len(requests)} at once, images/s",
        painted,
        lambda each: len(each.latencies) / max(each.latencies),
    )
    front = Figure(
        "of which the server's own process, cores",
        {way: all_[-plan.repeat :] for way, all_ in cores_of.items()},
    )
    cores = os.cpu_count() or 1
    note = (
        f"{cores} cores: one replica computes with {cores} threads as the server's process does,"
        f" two with {max(1, cores // 2)} each. {agreement(largest_difference(painted, HERE))}"
    )
    return Comparison("Replicas: images at once", [figure, front], note)


def asked(
    servers: Mapping[str, Server],
    requests: Sequence[GenerationRequest],
    plan: Plan,
    ways: Sequence[str],
) -> dict[str, list[Painted]]:
    calls: dict[str, Callable[[], Painted]] = {
        way: partial(_send, servers[way], requests) for way in ways
    }
    return interleave(calls, plan.repeat, plan.warms_up)


def _send(server: Server, requests: Sequence[GenerationRequest]) -> Painted:
    send = partial(client.generate_image, server.api_port)
    return send_all(send, requests, next(at_once(len(requests))))


def _send_counting(
    server: Server, requests: Sequence[GenerationRequest], cores: list[float]
) -> Painted:
    """Also tells how many cores the server's own process kept busy meanwhile."""
    before = server.cpu_seconds()
    painted = _send(server, requests)
    cores.append((server.cpu_seconds() - before) / max(painted.latencies))
    return painted
