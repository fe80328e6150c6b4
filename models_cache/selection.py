"""Which files of a repository loading needs, told by their names."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from models_cache.catalog import Family
from models_cache.layout import (
    FIRST_FILES,
    PICKLES,
    SDXL_TOKENIZERS,
    SDXL_WEIGHTS,
    TRANSFORMERS_WEIGHTS,
    WrongCheckpoint,
)

# Whole or in shards; "fp16" stands before or after the number of the shard. Other variants, as
# non_ema, are not loaded.
WEIGHTS = r"{name}(\.fp16)?(-\d+-of-\d+)?(\.fp16)?\.safetensors"
HALF = ".fp16"


def needed(paths: Iterable[str], family: Family) -> tuple[str, ...]:
    """Raises WrongCheckpoint, a sentence that begins with its verb and has no full stop.

    Of weights in several precisions fp16 is taken, as the loaders do. Pickles, formats of other
    libraries, and the whole of an SDXL model in one file are left out.
    """
    there = [PurePosixPath(path) for path in sorted(paths)]
    if PurePosixPath(FIRST_FILES[family]) not in there:
        raise WrongCheckpoint(
            f"has no {FIRST_FILES[family]}, so it is no {family.value} checkpoint"
        )
    chosen = _blip(there) if family is Family.BLIP else _sdxl(there)
    return tuple(path.as_posix() for path in chosen)


def _blip(there: list[PurePosixPath]) -> list[PurePosixPath]:
    root = [path for path in there if len(path.parts) == 1]
    weights = _weights(root, "", TRANSFORMERS_WEIGHTS, may_be_half=True)
    return _texts(root) + weights


def _sdxl(there: list[PurePosixPath]) -> list[PurePosixPath]:
    chosen = [PurePosixPath(FIRST_FILES[Family.SDXL])]
    # Without fp16 weights of the UNet, the loaders open the plain ones everywhere.
    is_half = False
    for component in ("scheduler", *SDXL_TOKENIZERS, *SDXL_WEIGHTS):
        inside = [path for path in there if path.parts[:-1] == (component,)]
        chosen += _texts(inside)
        if component in SDXL_WEIGHTS:
            is_unet = component == "unet"
            weights = _weights(inside, component, SDXL_WEIGHTS[component], is_half or is_unet)
            is_half = is_half or (is_unet and HALF in weights[0].name)
            chosen += weights
    return chosen


def _texts(inside: list[PurePosixPath]) -> list[PurePosixPath]:
    return [path for path in inside if path.suffix in (".json", ".txt")]


def _weights(
    inside: list[PurePosixPath], component: str, name: str, may_be_half: bool
) -> list[PurePosixPath]:
    pattern = re.compile(WEIGHTS.format(name=name))
    found = [path for path in inside if pattern.fullmatch(path.name)]
    half = [path for path in found if HALF in path.name]
    chosen = half if half and may_be_half else [path for path in found if path not in half]
    if not chosen:
        raise WrongCheckpoint(_why_not(inside, component, name))
    return chosen


def _why_not(inside: list[PurePosixPath], component: str, name: str) -> str:
    for path in inside:
        if path.suffix in PICKLES:
            return f"has only {path}, a pickle: those can run any code, so none is fetched"
    return f"has no {PurePosixPath(component, name)}.safetensors"
