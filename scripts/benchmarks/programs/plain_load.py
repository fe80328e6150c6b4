"""Loads and warms both models by the libraries alone, then paints; tells its phases.

One after the other, as each library's documentation does it: ``from_pretrained`` in half precision
on CUDA, ``to`` the device, and a first small call.

usage: python -m scripts.benchmarks.programs.plain_load
           CAPTIONER GENERATOR DEVICE GUIDANCE_SCALE AT_ONCE
"""

import sys
from pathlib import Path

from models_cache import environment

environment.prepare()

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from models_cache.catalog import Family
from models_cache.runtime.device import pick_device
from scripts.benchmarks.arguments import FOR_MEMORY, PROMPT
from scripts.benchmarks.painting import draw_requests, paint
from scripts.benchmarks.programs.loading import plain_options, read_info
from scripts.benchmarks.programs.phases import tell


def main(
    captioner: str, generator: str, device_name: str, guidance_scale: str, at_once: str
) -> None:
    folder, device = Path(generator), pick_device(device_name)
    info = read_info(folder, float(guidance_scale))
    # Both stay: the server has both in memory too.
    model = load_captioner(Path(captioner), device)
    pipeline = load_pipeline(folder, device)
    # As large as SDXL.warm_up paints.
    side = info.default_size if device.type == "cuda" else info.smallest_size
    paint(pipeline, [info.request(PROMPT, seed=0, width=side, height=side)])
    tell("loaded and warm", device)
    requests = draw_requests(info, FOR_MEMORY, int(at_once))
    for count in (1, len(requests)):
        paint(pipeline, requests[:count])
        tell(f"{count} at once", device)
    del model


def load_captioner(folder: Path, device: torch.device) -> BlipForConditionalGeneration:
    """Returns the model loaded and warm."""
    processor = BlipProcessor.from_pretrained(folder)
    model = BlipForConditionalGeneration.from_pretrained(
        folder, **plain_options(folder, device, Family.BLIP)
    )
    model = model.to(device)
    inputs = processor(images=Image.new("RGB", (64, 64)), return_tensors="pt")
    model.generate(**inputs.to(device, model.dtype), max_new_tokens=2)
    return model


def load_pipeline(folder: Path, device: torch.device) -> StableDiffusionXLPipeline:
    options = plain_options(folder, device, Family.SDXL)
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False, **options)
    pipeline = pipeline.to(device)
    # In fp32, to which a VAE in fp16 is cast, eight images decoded together fit hardly any GPU.
    pipeline.vae.enable_slicing()
    return pipeline


if __name__ == "__main__":
    main(*sys.argv[1:])
