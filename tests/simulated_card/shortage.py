"""Memory runs out at each allocation of a step and of the decodes after it, one after the other."""

import copy
import gc
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from checkpoints import local
from PIL import Image

from generator.engine import Engine
from generator.job import Failed, Succeeded
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement
from scripts.random_checkpoints import checkpoint
from scripts.random_checkpoints.sizes import TINY, Size
from simulated_card.card import Card

# As few blocks and layers as there can be, each of a kind of its own: every allocation is a trial.
TWO_BLOCKS = {
    "unet": {
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [1, 2],
        "block_out_channels": [8, 16],
        "layers_per_block": 1,
        "transformer_layers_per_block": [1, 1],
    },
    "vae": {
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "block_out_channels": [8, 16],
        "layers_per_block": 1,
        "sample_size": 16,
    },
}


class Prepared:
    """The model, with two samples that were prepared before: each trial gets copies of them."""

    def __init__(self, sdxl: SDXL) -> None:
        self.info = sdxl.info
        self.requests = [
            sdxl.info.request("a red house", seed=seed, num_inference_steps=1) for seed in (1, 2)
        ]
        self.denoise, self.decode = sdxl.denoise, sdxl.decode
        self.decode_batch_size = sdxl.decode_batch_size
        self._samples = sdxl.prepare(self.requests)
        self._given: list[Sample] = []
        self._expected: list[torch.Tensor] = []

    def prepare(self, requests: Sequence[GenerationRequest]) -> list[Sample]:
        self._given = [copy.copy(sample) for sample in self._samples]
        for sample in self._given:
            sample.scheduler = copy.deepcopy(sample.scheduler)
        return self._given

    def compare(self) -> float:
        """Forgets the last samples: by how much their latents are off those of the first trial."""
        latents = [sample.latents for sample in self._given]
        self._given.clear()
        self._expected = self._expected or latents
        pairs = zip(latents, self._expected, strict=True)
        return max((one - other).abs().max().item() for one, other in pairs)


def smallest() -> Size:
    """TINY with two blocks in the UNet and in the VAE."""
    names = {part: f"generator/{part}/config.json" for part in TWO_BLOCKS}
    changed = {name: {**TINY.changes[name], **TWO_BLOCKS[part]} for part, name in names.items()}
    return Size(TINY.merges, {**TINY.changes, **changed})


def tiny_sdxl(folder: Path) -> SDXL:
    if not folder.is_dir():
        list(checkpoint.generator(smallest()).write(folder, seed=0))
    return SDXL.load(local(folder, Family.SDXL), Placement(torch.device("cuda")))


def see(card: Card, folder: Path) -> dict[str, Any]:
    model = Prepared(tiny_sdxl(folder / "tiny"))
    logging.disable()  # each trial would log its traceback
    gc.collect()
    gc.freeze()  # each trial collects: what is here already need not be looked at again
    first = trial(card, model, None)
    trials = [trial(card, model, number) for number in range(card.allocations)]
    last = trial(card, model, None)
    logging.disable(logging.NOTSET)
    return {"first": first, "trials": trials, "last": last}


def trial(card: Card, model: Prepared, number: int | None) -> dict[str, Any]:
    """Two images whose one step, or whose decodes, find no room for one allocation."""
    engine = Engine(model, max_batch_size=2)
    jobs = [engine.submit(request) for request in model.requests]
    card.reset()
    card.fail_at = number
    while not all(job.is_finished for job in jobs):
        engine.step()
    card.fail_at = None
    outcomes = [job.outcome for job in jobs]
    off = model.compare()
    return {
        "off": off,
        "images": sum(is_image(each) for each in outcomes),
        "errors": [each.error for each in outcomes if isinstance(each, Failed)],
        "limit": engine._forward_limit.samples,
        "live": card.live,
    }


def is_image(outcome: object) -> bool:
    return isinstance(outcome, Succeeded) and isinstance(outcome.image, Image.Image)
