"""Measures what the web adds to a job: the server beside the engines alone, a job at a time.

The server is a process of its own with the same models. While one of the two works, the other has
nothing to do.
"""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from PIL import Image

import captioner.engine
import generator.engine
from captioner.request import CaptionRequest
from generator.request import GenerationRequest
from scripts.benchmarks import client
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.captions import draw_pictures
from scripts.benchmarks.comparison import Comparison, Figure, Target, interleave
from scripts.benchmarks.images import Painted, agreement, image_of, largest_difference
from scripts.benchmarks.models import Subject
from scripts.benchmarks.painting import draw_requests
from scripts.benchmarks.server_process import Server, serving

ENGINES = "engines alone"
HTTP = "over HTTP"
MAX_ADDED_MILLISECONDS = 50.0


def http(subject: Subject) -> Iterator[Comparison]:
    loaded = subject.loaded
    with (
        loaded.captioning() as captions,
        loaded.painting() as images,
        serving(subject.flags) as server,
    ):
        client.wait_until_ready(server.page_port)
        yield from both_routes(server, captions, images, subject.plan)


def both_routes(
    server: Server,
    captions: captioner.engine.Engine,
    images: generator.engine.Engine,
    plan: Plan,
) -> Iterator[Comparison]:
    """``server`` is ready, and both engines are started."""
    (request,) = draw_requests(images.model.info, plan, 1)
    fields = {"num_inference_steps": request.num_inference_steps, "seed": request.seed}
    asked = {"prompt": request.prompt, **fields}
    yield compare(
        "GET /generate-image",
        plan,
        lambda: image_of(images.submit(request)),
        lambda: client.generate_image(server.api_port, asked),
    )
    (to_caption,) = draw_pictures(1)
    picture = png(to_caption.image)
    yield compare(
        "page upload",
        plan,
        lambda: similar_image(captions, images, to_caption, request),
        lambda: client.similar_image(server.page_port, picture, fields),
    )


def compare(
    route: str, plan: Plan, engines: Callable[[], Image.Image], over_http: Callable[[], bytes]
) -> Comparison:
    ways: dict[str, Callable[[], Painted]] = {
        ENGINES: lambda: timed(engines),
        HTTP: lambda: timed(over_http),
    }
    painted = interleave(ways, plan.repeat, plan.warms_up)
    milliseconds = Figure.of("one job, ms", painted, lambda each: 1000 * each.latencies[0])
    added = milliseconds.spreads(ENGINES)["difference"]
    return Comparison(
        f"The web: {route}",
        [milliseconds],
        agreement(largest_difference(painted, ENGINES)),
        [Target(f"{route}: the web adds, ms", added, "under", MAX_ADDED_MILLISECONDS)],
    )


def similar_image(
    captions: captioner.engine.Engine,
    images: generator.engine.Engine,
    to_caption: CaptionRequest,
    request: GenerationRequest,
) -> Image.Image:
    """Does what the page does, without the page."""
    caption = captions.submit(to_caption).result()
    return image_of(images.submit(replace(request, prompt=caption)))


def timed(work: Callable[[], Image.Image | bytes]) -> Painted:
    started = time.perf_counter()
    image = work()
    seconds = time.perf_counter() - started
    opened = Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image
    return Painted((seconds,), (opened,))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
