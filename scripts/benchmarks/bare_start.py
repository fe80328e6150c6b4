"""What any program must do for its first image: import, load both models, call the pipeline.

usage: python -m scripts.benchmarks.bare_start CAPTIONER GENERATOR DEVICE STEPS GUIDANCE_SCALE
"""

import os
import sys
from pathlib import Path

# Before any import that reads it, as in the server.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

from captioner.blip import Blip
from generator.sdxl import SDXL
from scripts.benchmarks.plan import PROMPT


def main(captioner: str, generator: str, device: str, steps: str, guidance_scale: str) -> None:
    Blip.load(Path(captioner), torch.device(device), "captioner")
    pipeline = SDXL.load(Path(generator), torch.device(device), "generator").pipeline
    pipeline(PROMPT, num_inference_steps=int(steps), guidance_scale=float(guidance_scale))
    print("There is an image.", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
