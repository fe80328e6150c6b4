"""Which files of a repository loading needs, told by their names."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from models_cache import weight_names
from models_cache.catalog import Family
from models_cache.layout import (
    FIRST_FILES,
    PICKLES,
    SDXL_TOKENIZERS,
    SDXL_WEIGHTS,
    WrongCheckpoint,
)
from models_cache.weight_names import HALF, TRANSFORMERS_WEIGHTS


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
    return _texts(root) + _weights(root, "", TRANSFORMERS_WEIGHTS)


def _sdxl(there: list[PurePosixPath]) -> list[PurePosixPath]:
    chosen = [PurePosixPath(FIRST_FILES[Family.SDXL])]
    has_half = False
    for component in ("scheduler", *SDXL_TOKENIZERS, *SDXL_WEIGHTS):
        inside = [path for path in there if path.parts[:-1] == (component,)]
        chosen += _texts(inside)
        if stem := SDXL_WEIGHTS.get(component):
            # The UNet, which comes first, decides what is looked for first everywhere.
            weights = _weights(inside, component, stem, has_half or component == "unet")
            has_half = has_half or (component == "unet" and HALF in weights[0].name)
            chosen += weights
    return chosen


def _texts(inside: list[PurePosixPath]) -> list[PurePosixPath]:
    return [path for path in inside if path.suffix in (".json", ".txt")]


def _weights(
    inside: list[PurePosixPath], component: str, stem: str, half_first: bool = True
) -> list[PurePosixPath]:
    names = {path.name for path in inside}
    variant = weight_names.variant(names, stem, half_first)
    chosen = {weight_names.single(stem, variant)} & names
    if weight_names.is_sharded(names, stem, variant):
        chosen = set(weight_names.shards(names, stem, variant))
    if not chosen:
        raise WrongCheckpoint(_why_not(inside, component, stem))
    return [path for path in inside if path.name in chosen]


def _why_not(inside: list[PurePosixPath], component: str, name: str) -> str:
    for path in inside:
        if path.suffix in PICKLES:
            return f"has only {path}, a pickle: those can run any code, so none is fetched"
    return f"has no {PurePosixPath(component, name)}.safetensors"
