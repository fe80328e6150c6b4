"""Both models from nothing to warm by the libraries alone, then images: ``phases`` of theirs.

One after the other, as each library's documentation has it: ``from_pretrained`` in half precision
on CUDA, ``to`` the device, and a first small call.

usage: python -m scripts.benchmarks.plain_load CAPTIONER GENERATOR DEVICE GUIDANCE_SCALE AT_ONCE
"""

import sys
from pathlib import Path

from models_cache import environment

environment.prepare()

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from generator.model_info import Defaults
from generator.pipeline import read_model_info
from models_cache import layout
from models_cache.device import dtype_on, fit_threads
from scripts.benchmarks.painting import paint
from scripts.benchmarks.phases import tell
from scripts.benchmarks.plan import FOR_MEMORY, PROMPT, draw_requests


def main(
    captioner: str, generator: str, device_name: str, guidance_scale: str, at_once: str
) -> None:
    fit_threads()
    folder, device = Path(generator), torch.device(device_name)
    info = read_model_info(folder, "generator", Defaults(1, float(guidance_scale)))
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
    """Warm."""
    processor = BlipProcessor.from_pretrained(folder)
    model = BlipForConditionalGeneration.from_pretrained(
        folder, dtype=dtype_on(device), variant=layout.variant(folder)
    ).to(device)
    inputs = processor(images=Image.new("RGB", (64, 64)), return_tensors="pt")
    model.generate(**inputs.to(device, model.dtype), max_new_tokens=2)
    return model


def load_pipeline(folder: Path, device: torch.device) -> StableDiffusionXLPipeline:
    variant = layout.component_variant(folder, "unet")
    pipeline = StableDiffusionXLPipeline.from_pretrained(
        folder, dtype=dtype_on(device), variant=variant, add_watermarker=False
    ).to(device)
    # In fp32, to which a VAE in fp16 is cast, eight images decoded together fit hardly any GPU.
    pipeline.vae.enable_slicing()
    return pipeline


if __name__ == "__main__":
    main(*sys.argv[1:])
