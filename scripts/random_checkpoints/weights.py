"""Random values for a tensor that keep activations finite through all layers in fp16.

Each layer keeps the variance of its input: norms are the identity, biases zero, and the
weights of a layer with n inputs have a variance of 1/n (LeCun et al. 1998, Efficient BackProp,
section 4.6).

The same seed gives the same bytes everywhere. So values are not drawn by a library's normal
distribution, which may round otherwise on another processor, but looked up among the quantiles of
one, at random places.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.random_checkpoints.safetensors_file import Tensor

DTYPES = {"I64": "<i8", "F32": "<f4", "F16": "<f2"}
PIECE = 1 << 18  # values at a time: they stay in the processor's cache
QUANTILES = 1 << 16  # one for each number of two bytes
EMBEDDING = re.compile(r"(class|position|token|word)_embeddings?(\.weight)?$")
EMBEDDING_DEVIATION = 0.02
# Written twice, as an older transformers did. The present one ties the two if they are equal.
TIED = {
    "text_decoder.cls.predictions.decoder.weight": (
        "text_decoder.bert.embeddings.word_embeddings.weight"
    )
}


def values(tensor: Tensor, seed: int, file: str) -> Iterator[NDArray[Any]]:
    """The tensor's values in pieces, so that even a large one needs little memory.

    ``file`` tells tensors of one name apart.
    """
    name = TIED.get(tensor.name, tensor.name)
    dtype = DTYPES[tensor.dtype]
    if tensor.dtype == "I64":
        yield np.arange(tensor.size, dtype=dtype)
    elif name.endswith("bias"):
        yield np.zeros(tensor.size, dtype)
    elif name.endswith(".weight") and len(tensor.shape) == 1:
        yield np.ones(tensor.size, dtype)
    else:
        quantiles = (normal_quantiles() * _deviation(name, tensor.shape)).astype(dtype)
        for places in _random_places(tensor.size, [seed, *f"{file} {name}".encode()]):
            yield quantiles.take(places)


@cache
def normal_quantiles() -> NDArray[np.float64]:
    """The values at the middle of each of 65,536 equal parts of the normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((place + 0.5) / QUANTILES) for place in range(QUANTILES)])


def _deviation(name: str, shape: tuple[int, ...]) -> float:
    if EMBEDDING.search(name):
        return EMBEDDING_DEVIATION
    return 1 / math.sqrt(math.prod(shape[1:]))


def _random_places(count: int, seed: list[int]) -> Iterator[NDArray[np.uint16]]:
    """``count`` places in all. numpy promises that a bit generator's stream never changes."""
    bits = np.random.SFC64(seed)
    for start in range(0, count, PIECE):
        wanted = min(PIECE, count - start)
        # Four places in each number of eight bytes.
        raw = bits.random_raw(math.ceil(wanted / 4)).astype("<u8", copy=False)
        yield raw.view("<u2")[:wanted]
