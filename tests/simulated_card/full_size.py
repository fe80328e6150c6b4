"""Both models at the published size, on a card without values: all that does not need any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from checkpoints import local
from PIL import Image

from captioner.blip import Blip
from captioner.decoding import StaticDecoder
from captioner.request import CaptionRequest
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.flags import Memory
from models_cache.runtime.device import pick_device, use_device
from models_cache.runtime.gpu_fit import place
from simulated_card.card import Card
from simulated_card.measuring import measured
from simulated_card.values import requests

TOKENS = 12  # of a caption
PICTURE = Image.new("RGB", (640, 480))
ROOM = 2 * 10**9  # bytes: a whole image does not decode in it


@dataclass(frozen=True)
class Configuration:
    memory: Memory = Memory.RESIDENT
    device: str = "cuda"
    capability: tuple[int, int] = (8, 6)


CONFIGURATIONS = {
    "resident": Configuration(),
    "offload on a second card without bfloat16": Configuration(Memory.OFFLOAD, "cuda:1", (7, 5)),
}


def see(card: Card, folder: Path) -> dict[str, Any]:
    card.has_values = False
    return {name: visit(card, folder, each) for name, each in CONFIGURATIONS.items()}


def visit(card: Card, folder: Path, configuration: Configuration) -> dict[str, Any]:
    card.capability = configuration.capability
    device = pick_device(configuration.device)
    use_device(device)
    checkpoints = [
        local(folder / "captioner", Family.BLIP),
        local(folder / "generator", Family.SDXL),
    ]
    placement = place(configuration.memory, checkpoints, device)
    blip, sdxl = Blip.load(checkpoints[0], placement), SDXL.load(checkpoints[1], placement)
    seen: dict[str, Any] = {"device": str(sdxl.device), "vae": str(sdxl.pipeline.vae.dtype)}
    seen["warm"] = rows_while_warming(sdxl)
    blip.warm_up()
    samples = measured(card, seen, "prepare", lambda: sdxl.prepare(requests(sdxl)))
    measured(card, seen, "one", lambda: sdxl.denoise(samples[:1]))
    measured(card, seen, "denoise", lambda: sdxl.denoise(samples))
    measured(card, seen, "preview", lambda: sdxl.preview(samples[0]))
    measured(card, seen, "decode", lambda: sdxl.decode(samples[:1]))
    capacity, card.capacity = card.capacity, card.live + ROOM
    measured(card, seen, "tiles", lambda: sdxl.decode(samples[:1]))
    card.capacity = capacity
    captions = [CaptionRequest(PICTURE)] * 8
    measured(card, seen, "captions", lambda: blip.caption_batch(captions))
    one = [CaptionRequest(PICTURE, prefix="a red", max_new_tokens=TOKENS)]
    measured(card, seen, "caption", lambda: blip.caption_batch(one))
    blip.static_decoder = StaticDecoder(blip.model.text_decoder)
    measured(card, seen, "caption in fixed caches", lambda: blip.caption_batch(one))
    return seen


def rows_while_warming(sdxl: SDXL) -> list[int]:
    """How many rows each forward of the UNet has."""
    rows: list[int] = []

    def watch(_: object, arguments: tuple[torch.Tensor, ...]) -> None:
        rows.append(len(arguments[0]))

    handle = sdxl.pipeline.unet.register_forward_pre_hook(watch)
    sdxl.warm_up()
    handle.remove()
    return rows
