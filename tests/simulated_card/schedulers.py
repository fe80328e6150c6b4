"""What the host waits for while each of diffusers' usual schedulers prepares and steps."""

from pathlib import Path
from typing import Any

import diffusers

from simulated_card.card import Card
from simulated_card.measuring import measured
from simulated_card.shortage import tiny_sdxl

# Those that the catalogue's checkpoints have, and others of SDXL's family.
NAMES = (
    "EulerDiscreteScheduler",
    "DDIMScheduler",
    "DPMSolverMultistepScheduler",
    "HeunDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "LCMScheduler",
)


def see(card: Card, folder: Path) -> dict[str, Any]:
    sdxl = tiny_sdxl(folder / "tiny")
    config = sdxl.pipeline.scheduler.config
    seen: dict[str, Any] = {}
    for name in NAMES:
        sdxl.pipeline.scheduler = getattr(diffusers, name).from_config(config)
        requests = [
            sdxl.info.request("a cat", seed=seed, num_inference_steps=steps)
            for seed, steps in ((1, 5), (2, 4))
        ]
        seen[name] = {}
        samples = measured(card, seen[name], "prepare", lambda asked=requests: sdxl.prepare(asked))
        for step in ("first", "second", "third"):  # some remember what was before
            measured(card, seen[name], step, lambda moved=samples: sdxl.denoise(moved))
    return seen
