"""Training scenes as tensors: drawn once into a file, since drawing takes longer than a step."""

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

IMAGE_SIZE = 128
SCENES = 65_536
NOWHERE_SCENES = 32_768
CHUNK = 512

Pixels = NDArray[np.uint8]


def pixels(images: Iterable[Image.Image] | Pixels) -> torch.Tensor:
    """RGB images of one size as (N, 3, height, width) in [-1, 1]."""
    array = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


@dataclass(frozen=True)
class DrawnScenes:
    """``images`` is (N, size, size, 3), mapped from a file; ``captions`` holds N."""

    images: Pixels
    captions: list[str]

    def __len__(self) -> int:
        return len(self.captions)

    def batch(self, rng: Random, count: int) -> tuple[torch.Tensor, list[str]]:
        """``count`` scenes as pixels in [-1, 1], and their captions."""
        chosen = [rng.randrange(len(self)) for _ in range(count)]
        return pixels(self.images[chosen]), [self.captions[place] for place in chosen]


def drawn_scenes(folder: Path) -> DrawnScenes:
    """Training scenes with their captions."""
    return _cached(folder / "scenes", SCENES, nowhere=False)


def nowhere_scenes(folder: Path) -> DrawnScenes:
    """Training scenes without their settings, and what is left of their captions."""
    return _cached(folder / "nowhere", NOWHERE_SCENES, nowhere=True)


def _cached(folder: Path, count: int, nowhere: bool) -> DrawnScenes:
    captions_file, images_file = folder / "captions.json", folder / "images.npy"
    if not captions_file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = images_file.with_suffix(".part")
        captions = _draw_all(partial, count, nowhere)
        # Never over the old file: a run that reads it goes on.
        partial.replace(images_file)
        captions_file.write_text(json.dumps(captions), encoding="utf-8")
    captions = json.loads(captions_file.read_text(encoding="utf-8"))
    return DrawnScenes(np.load(images_file, mmap_mode="r"), captions)


def _draw_all(file: Path, count: int, nowhere: bool) -> list[str]:
    shape = (count, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    captions: list[str] = []
    chunks = range(count // CHUNK)
    with ProcessPoolExecutor() as pool:
        drawn = pool.map(_draw_chunk, chunks, [nowhere] * len(chunks))
        for part, part_captions in tqdm(drawn, f"drawing {file.parent.name}", len(chunks)):
            images[len(captions) : len(captions) + CHUNK] = part
            captions += part_captions
    images.flush()
    return captions


def _draw_chunk(chunk: int, nowhere: bool) -> tuple[Pixels, list[str]]:
    """Seeds by the chunk's number and kind: any number of processes draws the same scenes."""
    rng = Random(f"{'nowhere' if nowhere else 'scenes'} {chunk}")
    scenes = [sample_scene(rng) for _ in range(CHUNK)]
    images = [np.asarray(draw_scene(scene, rng, IMAGE_SIZE, nowhere)) for scene in scenes]
    return np.stack(images), [
        scene.things_caption if nowhere else scene.caption for scene in scenes
    ]
