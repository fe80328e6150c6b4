"""What the web adds to a job: the whole server beside the engines alone, one job at a time.

The server is a process of its own with the same models; while one of the two works, the other has
nothing to do.
"""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from PIL import Image

import captioner.engine
import generator.engine
from captioner.request import CaptionRequest
from generator.request import GenerationRequest
from scripts.benchmarks import client
from scripts.benchmarks.painting import image_of
from scripts.benchmarks.plan import Plan, draw_requests
from scripts.benchmarks.repetition import Spread, difference, interleave, pixel_difference, ratio
from scripts.benchmarks.server_process import Server
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

HTTP = "over HTTP"
ENGINE = "engine alone"
PICTURE_SIZE = 512


@dataclass(frozen=True, slots=True)
class Web:
    """Seconds by repetition of one ``route``, and of what it asks of the engines."""

    route: str
    http: Sequence[float]
    engine: Sequence[float]
    largest_pixel_difference: int

    @property
    def figures(self) -> dict[str, Spread]:
        return {
            "over HTTP, s": Spread.of(self.http),
            "engines alone, s": Spread.of(self.engine),
            "ratio": ratio(self.http, self.engine),
        }

    @property
    def adds_milliseconds(self) -> Spread:
        added = difference(self.http, self.engine)
        return Spread(1000 * added.median, 1000 * added.smallest, 1000 * added.largest)


def measure(
    server: Server,
    captions: captioner.engine.Engine,
    images: generator.engine.Engine,
    plan: Plan,
) -> list[Web]:
    """Both engines are started."""
    (request,) = draw_requests(images.model.info, plan, 1)
    scene = draw_scene(sample_scene(Random("picture")), Random("drawing"), PICTURE_SIZE)
    picture = png(scene)
    fields = {"num_inference_steps": request.num_inference_steps, "seed": request.seed}
    return [
        compare(
            "GET /generate-image",
            plan,
            lambda: client.generate_image(server.api_port, {"prompt": request.prompt, **fields}),
            lambda: image_of(images.submit(request)),
        ),
        compare(
            "page upload",
            plan,
            lambda: client.similar_image(server.page_port, picture, fields),
            lambda: similar_image(captions, images, scene, request),
        ),
    ]


def compare(
    route: str, plan: Plan, over_http: Callable[[], bytes], engine: Callable[[], Image.Image]
) -> Web:
    variants: dict[str, Callable[[], tuple[float, bytes | Image.Image]]] = {
        HTTP: lambda: timed(over_http),
        ENGINE: lambda: timed(engine),
    }
    results = interleave(variants, plan.repeat, plan.warms_up)
    painted = [[opened(result) for _, result in results[name]] for name in (HTTP, ENGINE)]
    return Web(
        route,
        [seconds for seconds, _ in results[HTTP]],
        [seconds for seconds, _ in results[ENGINE]],
        pixel_difference(*painted),
    )


def similar_image(
    captions: captioner.engine.Engine,
    images: generator.engine.Engine,
    scene: Image.Image,
    request: GenerationRequest,
) -> Image.Image:
    """What the page does, without the page."""
    caption = captions.submit(CaptionRequest(scene)).result()
    return image_of(images.submit(replace(request, prompt=caption)))


def timed(work: Callable[[], bytes | Image.Image]) -> tuple[float, bytes | Image.Image]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def opened(image: bytes | Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
