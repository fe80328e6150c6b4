"""Does what any program must do for its first image: import, load both models, call the pipeline.

usage: python -m scripts.benchmarks.programs.bare_start
           CAPTIONER GENERATOR DEVICE STEPS GUIDANCE_SCALE
"""

import sys
from pathlib import Path

from models_cache import environment

environment.prepare()

from models_cache.runtime.device import pick_device
from scripts.benchmarks.arguments import PROMPT
from scripts.benchmarks.painting import paint
from scripts.benchmarks.programs.loading import load_bare
from scripts.benchmarks.programs.phases import tell


def main(captioner: str, generator: str, device_name: str, steps: str, guidance_scale: str) -> None:
    folders, device = (Path(captioner), Path(generator)), pick_device(device_name)
    _, sdxl = load_bare(folders, device, int(steps), float(guidance_scale))
    paint(sdxl.pipeline, [sdxl.info.request(PROMPT)])
    tell("an image", device)


if __name__ == "__main__":
    main(*sys.argv[1:])
