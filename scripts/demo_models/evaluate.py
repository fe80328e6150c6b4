"""Judges the demo models on scenes whose combinations were held out of training."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

# Before any import that reads them: with the weights at hand nothing is ever looked up.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import torch
from PIL import Image
from tqdm import tqdm

from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.engine import Engine
from generator.job import Succeeded
from generator.model_info import Defaults
from generator.sdxl import SDXL
from models_cache.catalog import DEMO_CAPTIONER, DEMO_GENERATOR
from models_cache.store import Store
from scripts.demo_models.batches import IMAGE_SIZE
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import Scene, sample_scene

BATCH = 8


@dataclass(frozen=True)
class Verdict:
    """``wrong`` holds what was asked for and what was seen, where they differ."""

    total: int
    wrong: tuple[tuple[str, str], ...]

    @property
    def share_right(self) -> float:
        return 1 - len(self.wrong) / self.total

    def __str__(self) -> str:
        return (
            f"{self.total - len(self.wrong)} of {self.total} right ({100 * self.share_right:.1f} %)"
        )


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes all of whose (colour, thing, setting) triples training never saw."""
    rng = Random(f"held out {seed}")
    return [sample_scene(rng, held_out=True) for _ in range(count)]


def judge_captions(blip: Blip, scenes: list[Scene], seed: int = 0) -> Verdict:
    """Draws each scene and compares its caption word for word."""
    rng = Random(f"drawing {seed}")
    images = [draw_scene(scene, rng, IMAGE_SIZE) for scene in scenes]
    return _verdict(scenes, caption_all(blip, images))


def judge_images(sdxl: SDXL, blip: Blip, scenes: list[Scene], seed: int = 0) -> Verdict:
    """Paints each scene's caption with the model's defaults; the captioner says what it sees."""
    images = list(paint_all(sdxl, [scene.caption for scene in scenes], seed))
    return _verdict(scenes, caption_all(blip, images))


def caption_all(blip: Blip, images: list[Image.Image]) -> list[str]:
    requests = [CaptionRequest(image) for image in images]
    batches = [requests[start : start + BATCH] for start in range(0, len(requests), BATCH)]
    return [caption for batch in batches for caption in blip.caption_batch(batch)]


def paint_all(sdxl: SDXL, prompts: list[str], seed: int = 0) -> Iterator[Image.Image]:
    """One image a prompt, in order, through the engine; seeds count up from ``seed``."""
    engine = Engine(sdxl, max_batch_size=BATCH, max_jobs=len(prompts))
    jobs = [
        engine.submit(sdxl.info.request(prompt, seed=seed + place))
        for place, prompt in enumerate(prompts)
    ]
    for job in tqdm(jobs, "painting", leave=False):
        while not job.is_finished:
            engine.step()
        outcome = job.outcome
        assert isinstance(outcome, Succeeded), outcome
        yield outcome.image


def _verdict(scenes: list[Scene], captions: list[str]) -> Verdict:
    pairs = [(scene.caption, caption) for scene, caption in zip(scenes, captions, strict=True)]
    return Verdict(len(pairs), tuple(pair for pair in pairs if pair[0] != pair[1]))


def main() -> None:
    options = _options()
    captioner = options.captioner or Store().locate(DEMO_CAPTIONER)
    generator = options.generator or Store().locate(DEMO_GENERATOR)
    blip = Blip.load(captioner, options.device, "demo captioner")
    defaults = Defaults(options.steps, options.guidance_scale)
    sdxl = SDXL.load(generator, options.device, "demo generator", defaults)
    scenes = held_out_scenes(max(options.captions, options.images), options.seed)
    captions = judge_captions(blip, scenes[: options.captions], options.seed)
    images = judge_images(sdxl, blip, scenes[: options.images], options.seed)
    print(f"captions of drawn scenes: {captions}")
    print(f"images, {options.steps} steps, guidance {options.guidance_scale:g}: {images}")
    for asked, seen in (*captions.wrong, *images.wrong)[: options.show]:
        print(f"  asked for: {asked}\n       seen: {seen}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/evaluate_demo", description=__doc__)
    parser.add_argument("--captions", type=int, default=500, help="scenes to caption (%(default)s)")
    parser.add_argument("--images", type=int, default=200, help="scenes to paint (%(default)s)")
    parser.add_argument("--steps", type=int, default=DEMO_GENERATOR.num_inference_steps)
    parser.add_argument("--guidance-scale", type=float, default=DEMO_GENERATOR.guidance_scale)
    parser.add_argument("--captioner", type=Path, metavar="FOLDER")
    parser.add_argument("--generator", type=Path, metavar="FOLDER")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=20, help="mistakes to print (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
