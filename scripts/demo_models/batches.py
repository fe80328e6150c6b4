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

from scripts.demo_models.drawing import SQUARE, draw_scene
from scripts.demo_models.scenes import sample_scene

IMAGE_SIZE = 128
SHAPES = {"wide": (152, 104), "tall": (104, 152)}  # 3:2 and 2:3, as near as multiples of 8 come
SCENES = 65_536
NOWHERE_SCENES = 32_768
SHAPED_SCENES = 8192  # in each shape
CHUNK = 512

Pixels = NDArray[np.uint8]


def pixels(images: Iterable[Image.Image] | Pixels) -> torch.Tensor:
    """RGB images of one size as (N, 3, height, width) in [-1, 1]."""
    array = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


@dataclass(frozen=True)
class DrawnScenes:
    """``images`` is (N, height, width, 3), mapped from a file; ``captions`` holds N."""

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
    return _cached(folder / "scenes", SCENES)


def nowhere_scenes(folder: Path) -> DrawnScenes:
    """Training scenes without their settings, and what is left of their captions."""
    return _cached(folder / "nowhere", NOWHERE_SCENES)


def shaped_scenes(folder: Path, shape: str) -> DrawnScenes:
    """Training scenes in one of SHAPES, with their captions."""
    return _cached(folder / shape, SHAPED_SCENES)


def _cached(folder: Path, count: int) -> DrawnScenes:
    """The scenes that a folder is named after, drawn there if they are not yet."""
    captions_file, images_file = folder / "captions.json", folder / "images.npy"
    if not captions_file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = images_file.with_suffix(".part")
        captions = _draw_all(partial, count)
        # Never over the old file: a run that reads it goes on.
        partial.replace(images_file)
        captions_file.write_text(json.dumps(captions), encoding="utf-8")
    captions = json.loads(captions_file.read_text(encoding="utf-8"))
    return DrawnScenes(np.load(images_file, mmap_mode="r"), captions)


def _draw_all(file: Path, count: int) -> list[str]:
    name = file.parent.name
    width, height = SHAPES.get(name, SQUARE)
    images = np.lib.format.open_memmap(
        file, mode="w+", dtype=np.uint8, shape=(count, height, width, 3)
    )
    captions: list[str] = []
    chunks = range(count // CHUNK)
    with ProcessPoolExecutor() as pool:
        drawn = pool.map(_draw_chunk, chunks, [name] * len(chunks))
        for part, part_captions in tqdm(drawn, f"drawing {name}", len(chunks)):
            images[len(captions) : len(captions) + CHUNK] = part
            captions += part_captions
    images.flush()
    return captions


def _draw_chunk(chunk: int, name: str) -> tuple[Pixels, list[str]]:
    """Seeds by the chunk's number and kind: any number of processes draws the same scenes."""
    rng, size, nowhere = Random(f"{name} {chunk}"), SHAPES.get(name, SQUARE), name == "nowhere"
    scenes = [sample_scene(rng) for _ in range(CHUNK)]
    images = [np.asarray(draw_scene(scene, rng, size, nowhere)) for scene in scenes]
    return np.stack(images), [
        scene.things_caption if nowhere else scene.caption for scene in scenes
    ]
