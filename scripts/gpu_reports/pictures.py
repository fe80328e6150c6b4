"""Images of the generator's own steps, without an engine, and how much two of them differ."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from generator.request import GenerationRequest
from generator.sample import Sample
from generator.sdxl import SDXL
from scripts.gpu_reports.finding import Finding


def denoised(sdxl: SDXL, requests: Sequence[GenerationRequest]) -> list[Sample]:
    """All in the same forwards; they have equally many steps. Raises what a scheduler raises."""
    samples: list[Sample] = sdxl.prepare(requests)
    while not samples[0].is_denoised:
        for error in sdxl.denoise(samples).values():
            raise error
    return samples


def difference(what: str, image: Image.Image, other: Image.Image) -> Iterator[Finding]:
    """The mean and the largest difference of a colour, of 255."""
    both = (np.asarray(each, np.int16) for each in (image, other))
    apart = np.abs(np.subtract(*both))
    yield Finding(f"{what}: mean", float(apart.mean()), "of 255")
    yield Finding(f"{what}: largest", float(apart.max()), "of 255")
