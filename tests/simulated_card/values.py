"""A card with values: what the demo models paint there, and faults of kinds that a GPU shows."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tiny import is_channels_last

from captioner.blip import Blip
from captioner.decoding import StaticDecoder
from captioner.request import CaptionRequest
from generator.engine import Engine
from generator.fast.candidate import Prepared
from generator.job import Succeeded
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.sdxl import SDXL
from models_cache.catalog import DEMO_CAPTIONER, DEMO_GENERATOR
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store
from simulated_card.card import Card
from simulated_card.measuring import measured
from simulated_card.shortage import tiny_sdxl

PROMPT = "a red house by the sea"
STEPS = 8


def see(card: Card, folder: Path) -> dict[str, Any]:
    checkpoints = [Store().locate(known) for known in (DEMO_CAPTIONER, DEMO_GENERATOR)]
    placement = Placement(torch.device("cuda"))
    blip, sdxl = Blip.load(checkpoints[0], placement), SDXL.load(checkpoints[1], placement)
    pictures = [CaptionRequest(paint(sdxl, PROMPT))]
    said = blip.caption_batch(pictures)
    blip.static_decoder = StaticDecoder(blip.model.text_decoder)
    said += blip.caption_batch(pictures)
    tiny = tiny_sdxl(folder / "tiny")
    return {
        "said": said,
        "is_channels_last": is_channels_last(sdxl.pipeline.unet),
        "planted": {fault: planted(card, tiny, fault) for fault in FAULTS},
        "fast": steps_with_something_on(card, tiny),
    }


def requests(sdxl: SDXL) -> list[GenerationRequest]:
    """With guidance, with another schedule and words to avoid, and without guidance."""
    return [
        sdxl.info.request(PROMPT, seed=1),
        sdxl.info.request("a cat", seed=2, negative_prompt="fog", num_inference_steps=5),
        sdxl.info.request("a tree", seed=3, guidance_scale=1.0),
    ]


def paint(sdxl: SDXL, prompt: str) -> Image.Image:
    engine = Engine(sdxl)
    job = engine.submit(sdxl.info.request(prompt, seed=1, num_inference_steps=STEPS))
    while not job.is_finished:
        engine.step()
    outcome = job.outcome
    assert isinstance(outcome, Succeeded), outcome
    return outcome.image


def waits(sample: Sample, *rows: torch.Tensor) -> None:
    if sample.latents.abs().max().item() >= 0:
        ADVANCE(sample, *rows)


def hoards(sample: Sample, *rows: torch.Tensor) -> None:
    HOARD.extend(row.clone() for row in rows)
    ADVANCE(sample, *rows)


def leaves(sample: Sample, *rows: torch.Tensor) -> None:
    ADVANCE(sample, *(row.cpu() for row in rows))


ADVANCE = Sample.advance
HOARD: list[torch.Tensor] = []
FAULTS = {"none": ADVANCE, "wait": waits, "hoard": hoards, "leave": leaves}


class Nothing(Prepared):
    """A candidate that changes nothing."""

    name = "nothing"

    def turn_on(self) -> None:
        pass

    def turn_off(self) -> None:
        pass


def steps_with_something_on(card: Card, sdxl: SDXL) -> dict[str, Any]:
    """Two steps in a row, and a look at the second that no forward followed."""
    seen: dict[str, Any] = {}
    samples = sdxl.prepare(requests(sdxl))
    sdxl.fast_path._on.append(Nothing())
    for step in ("first", "second"):
        measured(card, seen, step, lambda: sdxl.denoise(samples))
    measured(card, seen, "look", sdxl.fast_path.settle)
    sdxl.fast_path._on.clear()
    return seen


def planted(card: Card, sdxl: SDXL, fault: str) -> dict[str, Any]:
    """What is seen of a step with a fault of a kind that only a GPU shows, or with none."""
    seen: dict[str, Any] = {}
    samples = sdxl.prepare(requests(sdxl))
    Sample.advance = FAULTS[fault]  # type: ignore[method-assign]
    try:
        errors = measured(card, seen, "denoise", lambda: sdxl.denoise(samples))
    finally:
        Sample.advance = ADVANCE  # type: ignore[method-assign]
    return {**seen["denoise"], "errors": [str(error) for error in errors.values()]}
