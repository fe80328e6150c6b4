"""Teaches the demo captioner which pictures it knows: scenes as people send them.

They come in several sizes and through JPEG; some through the autoencoder, as the generator's do.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from PIL import Image
from tqdm import tqdm

from captioner.blip import Blip
from captioner.familiarity import Familiarity, features
from scripts.demo_models.batches import IMAGE_SIZE, pixels
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

PICTURES = 3000  # to learn from
OTHERS = 2000  # to find the limit with
SHARE = 0.995  # of the others that are to pass
SIZES = (IMAGE_SIZE, 200, 256, 320, 512)
PAINTED = 0.25
BATCH = 16


def fit(blip: Blip, vae: AutoencoderKL, folder: Path) -> None:
    """Writes what it learns beside the captioner's weights in ``folder``."""
    familiar = _features(blip, _pictures(vae, "familiar", PICTURES))
    others = _features(blip, _pictures(vae, "others", OTHERS))
    Familiarity.fit(familiar, others, SHARE).write(folder)


def _pictures(vae: AutoencoderKL, seed: str, count: int) -> list[Image.Image]:
    rng = Random(seed)
    painted = round(PAINTED * count)
    drawn = [_drawn(rng) for _ in tqdm(range(count - painted), f"drawing {seed} scenes")]
    originals = [draw_scene(sample_scene(rng), rng) for _ in range(painted)]
    return drawn + round_trips(vae, originals)


def _drawn(rng: Random) -> Image.Image:
    scene, side = sample_scene(rng), rng.choice(SIZES)
    return _sent(draw_scene(scene, rng, (side, side)), rng)


def _sent(image: Image.Image, rng: Random) -> Image.Image:
    """The picture after a JPEG of some quality, three times in four."""
    if rng.random() < 0.25:
        return image
    file = BytesIO()
    image.save(file, "JPEG", quality=rng.randint(60, 95))
    return Image.open(file).convert("RGB")


@torch.inference_mode()
def round_trips(vae: AutoencoderKL, images: Sequence[Image.Image]) -> list[Image.Image]:
    """What the autoencoder makes of pictures of one size."""
    given_back: list[Image.Image] = []
    for start in tqdm(range(0, len(images), BATCH), "encoding and decoding"):
        latents = vae.encode(pixels(images[start : start + BATCH])).latent_dist.mode()
        decoded = (vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5
        arrays = decoded.round().byte().permute(0, 2, 3, 1).numpy()
        given_back += [Image.fromarray(array) for array in arrays]
    return given_back


@torch.inference_mode()
def _features(blip: Blip, images: Sequence[Image.Image]) -> torch.Tensor:
    batches = []
    for start in range(0, len(images), BATCH):
        inputs = blip.processor.image_processor(images[start : start + BATCH], return_tensors="pt")
        batches.append(features(blip.model.vision_model(inputs.pixel_values).last_hidden_state))
    return torch.cat(batches)
