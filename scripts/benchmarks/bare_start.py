"""What any program must do for its first image: import, load both models, call the pipeline.

usage: python -m scripts.benchmarks.bare_start CAPTIONER GENERATOR DEVICE STEPS GUIDANCE_SCALE
"""

import sys
from pathlib import Path

from models_cache import environment

environment.prepare()

import torch

from captioner.blip import Blip
from generator.model_info import Defaults
from generator.sdxl import SDXL
from models_cache.device import fit_threads
from scripts.benchmarks.painting import paint
from scripts.benchmarks.phases import tell
from scripts.benchmarks.plan import PROMPT


def main(captioner: str, generator: str, device_name: str, steps: str, guidance_scale: str) -> None:
    fit_threads()
    device = torch.device(device_name)
    Blip.load(Path(captioner), device, "captioner")
    defaults = Defaults(int(steps), float(guidance_scale))
    sdxl = SDXL.load(Path(generator), device, "generator", defaults)
    paint(sdxl.pipeline, [sdxl.info.request(PROMPT)])
    tell("an image", device)


if __name__ == "__main__":
    main(*sys.argv[1:])
