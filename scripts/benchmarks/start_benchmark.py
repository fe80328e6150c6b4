"""From the command to the first answer; beside it, the same models without a server."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models_cache.choice import Choice
from scripts.benchmarks import client, phases
from scripts.benchmarks.plan import PROMPT, Plan
from scripts.benchmarks.repetition import Spread, interleave, ratio
from scripts.benchmarks.server_process import serving

SERVER = "the server"
BARE = "the bare program"


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the command, by repetition. ``bare_image`` is ``bare_start``'s."""

    ready: Sequence[float]
    image: Sequence[float]
    bare_image: Sequence[float]

    @property
    def figures(self) -> dict[str, Spread]:
        return {
            "ready, s": Spread.of(self.ready),
            "first answered image, s": Spread.of(self.image),
            "first image of a bare program, s": Spread.of(self.bare_image),
            "first answered image / bare program": ratio(self.image, self.bare_image),
        }


def measure(choice: Choice, device: str, flags: Sequence[str], plan: Plan) -> Starts:
    """``flags`` make the server load ``choice`` on ``device``."""
    steps = plan.steps or choice.generator.checkpoint.num_inference_steps
    variants: dict[str, Callable[[], tuple[float, ...]]] = {
        SERVER: lambda: start_server(flags, steps),
        BARE: lambda: start_bare(choice, device, steps),
    }
    seconds = interleave(variants, min(plan.repeat, plan.starts), plan.warms_up)
    return Starts(
        [each[0] for each in seconds[SERVER]],
        [each[1] for each in seconds[SERVER]],
        [each[0] for each in seconds[BARE]],
    )


def start_server(flags: Sequence[str], steps: int) -> tuple[float, ...]:
    """Seconds until it says that it is ready, and until an image that is then asked for."""
    with serving(flags) as server:
        client.wait_until_ready(server.page_port)
        ready = time.perf_counter() - server.launched
        client.generate_image(server.api_port, {"prompt": PROMPT, "num_inference_steps": steps})
        return ready, time.perf_counter() - server.launched


def start_bare(choice: Choice, device: str, steps: int) -> tuple[float, ...]:
    """Seconds to its image."""
    folders = [str(choice.captioner.folder), str(choice.generator.folder)]
    guidance_scale = choice.generator.checkpoint.guidance_scale
    arguments = [*folders, device, str(steps), str(guidance_scale)]
    (image,) = phases.run("scripts.benchmarks.bare_start", arguments)
    return (image.seconds,)
