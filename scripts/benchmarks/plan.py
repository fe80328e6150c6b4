"""How much to measure, and with which requests."""

from dataclasses import dataclass
from random import Random

from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from scripts.demo_models.scenes import sample_scene

PROMPT = "a red house by the sea"


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` None is as many as the checkpoint asks for; ``requests`` is how many at once.

    ``starts`` bounds the repetitions of what starts a process. ``step_counts`` are for images that
    are compared by their steps, whatever ``steps`` is.
    """

    repeat: int = 10
    starts: int = 3
    steps: int | None = None
    step_counts: tuple[int, ...] = (20, 30, 50)
    requests: tuple[int, ...] = (1, 2, 4, 8)
    warms_up: bool = True


# Shows that the benchmark works, and nothing else.
QUICK = Plan(repeat=2, starts=1, steps=2, step_counts=(2, 3, 4), warms_up=False)
# More steps take no more memory.
FOR_MEMORY = Plan(steps=2)


def draw_requests(info: ModelInfo, plan: Plan, count: int) -> list[GenerationRequest]:
    """The same ones each time; they differ in prompt and seed alone."""
    rng = Random("benchmark")
    return [
        info.request(sample_scene(rng).caption, seed=seed, num_inference_steps=plan.steps)
        for seed in range(count)
    ]
