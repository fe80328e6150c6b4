"""Both models as the server has them once it is ready."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

import captioner.blip
import generator.pipeline
from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.choice import Choice
from models_cache.loading import Placing
from models_cache.start import place_models
from webapp.__main__ import load_captioner, load_generator


@dataclass(frozen=True, slots=True)
class Loaded:
    """``is_resident`` where all weights stay on the device, where a plain call can find them."""

    blip: Blip
    sdxl: SDXL
    max_batch_size: int
    is_resident: bool = True


def load(choice: Choice, memory: str, device: torch.device) -> Loaded:
    """Side by side, placed and warmed as the server does. Raises CannotStart and WrongCheckpoint.

    On threads that then end, see ``in_own_thread``.
    """
    words, paints = choice.captioner, choice.generator
    captioner.blip.check_weights(words.folder)
    generator.pipeline.check_weights(paints.folder)
    placement = place_models(memory, words.folder, paints.folder, device)
    reading = captioner.blip.loading(words.folder, words.checkpoint.name)
    painting = generator.pipeline.loading(paints.folder, paints.checkpoint.name)
    placing = Placing(2)
    with ThreadPoolExecutor(2) as executor:
        blip = executor.submit(load_captioner, words, placement, reading, placing)
        sdxl = executor.submit(load_generator, paints, placement, painting, placing)
    is_resident = placement.turns is None
    return Loaded(blip.result(), sdxl.result(), placement.at_once, is_resident)
