"""Which files of weights the two libraries open in a folder, told by the names that are there."""

import re
from collections.abc import Collection

TRANSFORMERS_WEIGHTS = "model"
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model"
HALF = "fp16"
BFLOAT = "bf16"

Variant = str | None


def single(stem: str, variant: Variant) -> str:
    """All weights in one file. ``stem`` is TRANSFORMERS_WEIGHTS or DIFFUSERS_WEIGHTS."""
    return f"{stem}{_suffix(variant)}.safetensors"


def index(stem: str, variant: Variant) -> str:
    """What says which shard holds which weight."""
    return f"{stem}.safetensors.index{_suffix(variant)}.json"


def variant(names: Collection[str], stem: str, half_first: bool = True) -> Variant:
    """HALF, None for the plain weights, or BFLOAT: the first of them that is there, or None.

    ``half_first`` says whether HALF goes before the plain weights. Other variants, as non_ema, are
    not loaded.
    """
    order = (HALF, None, BFLOAT) if half_first else (None, HALF, BFLOAT)
    there = (each for each in order if {single(stem, each), index(stem, each)} & set(names))
    return next(there, None)


def is_sharded(names: Collection[str], stem: str, variant: Variant) -> bool:
    """Where there are both, transformers opens the single file and diffusers the shards."""
    if stem == TRANSFORMERS_WEIGHTS and single(stem, variant) in names:
        return False
    return index(stem, variant) in names


def shards(names: Collection[str], stem: str, variant: Variant) -> list[str]:
    """Those of ``names`` that are of this variant: it stands before or after their number.

    The index alone is sure to know them; where it is not at hand, this is what they are called.
    """
    own = re.escape(_suffix(variant))
    numbered = re.compile(rf"{stem}({own}-\d+-of-\d+|-\d+-of-\d+{own})\.safetensors")
    return [name for name in sorted(names) if numbered.fullmatch(name)]


def _suffix(variant: Variant) -> str:
    return f".{variant}" if variant else ""
