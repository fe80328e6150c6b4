"""Serves diffusers' pipeline by LitServe, which batches whole requests: what our server is beside.

``POST /predict`` takes JSON of a prompt, a seed and the number of steps, and answers with the PNG
in base64. All requests of a batch that ask for the same number of steps are painted in one call.
The memory allocator stays as it is by default: the thresholds of ``models_cache.environment`` are
for a server that is to give memory back.

usage: python -m scripts.benchmarks.programs.litserve_pipeline
           GENERATOR DEVICE GUIDANCE_SCALE PORT
"""

import base64
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from models_cache import environment

environment.set_variables()

import torch
from diffusers import StableDiffusionXLPipeline
from litserve import LitAPI, LitServer
from PIL import Image

from generator.request import GenerationRequest
from models_cache.catalog import Family
from scripts.benchmarks.arguments import PROMPT
from scripts.benchmarks.painting import paint
from scripts.benchmarks.programs.loading import plain_options, read_info

MAX_BATCH_SIZE = 8
BATCH_SECONDS = 0.05  # for which a first request waits for others


class PipelineAPI(LitAPI):
    """LitServe makes it here and calls it in a process of its own."""

    def __init__(self, folder: Path, guidance_scale: float) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_SECONDS)
        self.folder, self.guidance_scale = folder, guidance_scale

    def setup(self, device: str) -> None:
        self.info = read_info(self.folder, self.guidance_scale)
        options = plain_options(self.folder, torch.device(device), Family.SDXL)
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            self.folder, add_watermarker=False, **options
        )
        self.pipeline = pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        if torch.device(device).type == "cuda":
            # In fp32, to which a VAE in fp16 is cast, eight large images fit hardly any GPU.
            self.pipeline.vae.enable_slicing()
        paint(self.pipeline, [self.info.request(PROMPT, num_inference_steps=1, seed=0)])

    def decode_request(self, request: Mapping[str, Any]) -> GenerationRequest:
        fields = dict(request)
        return self.info.request(fields.pop("prompt"), **fields)

    def predict(self, x: Sequence[GenerationRequest]) -> list[Image.Image]:
        """The images of ``x``, in its order."""
        alike: dict[int, list[GenerationRequest]] = {}
        for request in x:
            alike.setdefault(request.num_inference_steps, []).append(request)
        painted = {steps: iter(paint(self.pipeline, group)) for steps, group in alike.items()}
        return [next(painted[request.num_inference_steps]) for request in x]

    def encode_response(self, output: Image.Image) -> dict[str, str]:
        file = BytesIO()
        output.save(file, "PNG")
        return {"image": base64.b64encode(file.getvalue()).decode("ascii")}


def main(folder: str, device_name: str, guidance_scale: str, port: str) -> None:
    device = torch.device(device_name)
    api = PipelineAPI(Path(folder), float(guidance_scale))
    server = LitServer(api, accelerator=device.type, devices=1, timeout=False)
    server.run("127.0.0.1", int(port), log_level="error", generate_client_file=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
