"""Requests that come at their own times, whether the server has answered earlier ones or not."""

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

from PIL import Image

from generator.request import GenerationRequest
from scripts.benchmarks.images import Painted

Send = Callable[[Mapping[str, object]], bytes]


def at_once(count: int) -> Iterator[list[float]]:
    """Schedules without end, as seconds after the first request: all are 0."""
    while True:
        yield [0.0] * count


def poisson(rate: float, count: int) -> Iterator[list[float]]:
    """Schedules of clients that know nothing of each other, ``rate`` requests a second.

    The same rate gives the same schedules.
    """
    rng = Random(f"arrivals, {rate} a second")
    while True:
        schedule = [0.0]
        while len(schedule) < count:
            schedule.append(schedule[-1] + rng.expovariate(rate))
        yield schedule


def send_all(
    send: Send, requests: Sequence[GenerationRequest], schedule: Sequence[float]
) -> Painted:
    """Sends each request in time, from a thread of its own; its latency counts from that time.

    ``send`` takes the parameters of the API and returns the bytes of the image.
    """

    def visit(request: GenerationRequest, due: float) -> tuple[float, bytes]:
        time.sleep(max(0.0, due - time.perf_counter()))
        image = send(parameters(request))
        return time.perf_counter() - due, image

    with ThreadPoolExecutor(len(requests)) as clients:
        started = time.perf_counter()
        dues = [started + seconds for seconds in schedule]
        latencies, images = zip(*clients.map(visit, requests, dues), strict=True)
    return Painted(latencies, tuple(Image.open(io.BytesIO(image)) for image in images))


def parameters(request: GenerationRequest) -> dict[str, object]:
    return {
        "prompt": request.prompt,
        "seed": request.seed,
        "num_inference_steps": request.num_inference_steps,
    }
