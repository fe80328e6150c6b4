"""How sharp pictures are, as the variance of the Laplacian of their luma (Pech-Pacheco 2000).

It counts edges, and noise as well: a picture much sharper than a drawing is noisy.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image


def sharpness(image: Image.Image) -> float:
    """In squared grey levels, from 0."""
    luma = np.asarray(image.convert("L"), np.float32)
    laplacian = 4 * luma[1:-1, 1:-1]
    for part in (luma[:-2, 1:-1], luma[2:, 1:-1], luma[1:-1, :-2], luma[1:-1, 2:]):
        laplacian = laplacian - part
    return float(laplacian.var())


def beside(images: Sequence[Image.Image], drawings: Sequence[Image.Image]) -> float:
    """The median of the ratios of images to drawings of the same scenes and size."""
    pairs = zip(images, drawings, strict=True)
    return float(np.median([sharpness(one) / sharpness(other) for one, other in pairs]))
