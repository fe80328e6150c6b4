"""The files of a checkpoint that loading opens, from their names, by the two libraries' rules.

One rule for a folder on this disk and for a repository on the hub. Paths are relative to either.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from models_cache.catalog import Family

HALF = "fp16"
BFLOAT = "bf16"
Variant = str | None

FIRST_FILES = {Family.BLIP: "config.json", Family.SDXL: "model_index.json"}
TRANSFORMERS_WEIGHTS = "model"
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model"
# The UNet first: it decides the variant, and as the largest is what a cut download lacks.
SDXL_WEIGHTS = {
    "unet": DIFFUSERS_WEIGHTS,
    "vae": DIFFUSERS_WEIGHTS,
    "text_encoder": TRANSFORMERS_WEIGHTS,
    "text_encoder_2": TRANSFORMERS_WEIGHTS,
}
SDXL_TOKENIZERS = ("tokenizer", "tokenizer_2")
# Paths of weights without their endings, by component.
STEMS = {
    Family.BLIP: {"captioner": TRANSFORMERS_WEIGHTS},
    Family.SDXL: {component: f"{component}/{stem}" for component, stem in SDXL_WEIGHTS.items()},
}
PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")

# Ways to say the same, each one or more files. The first that is all there is read, else the last.
Ways = tuple[tuple[str, ...], ...]
REQUIRED: dict[Family, list[Ways]] = {
    Family.BLIP: [
        (("config.json",),),
        (("processor_config.json",), ("preprocessor_config.json",)),
        (("tokenizer.json",), ("vocab.txt",)),
    ],
    Family.SDXL: [
        (("model_index.json",),),
        (("scheduler/scheduler_config.json",),),
        # Without it the second tokenizer would pad with another token, and say nothing.
        *(((f"{part}/tokenizer_config.json",),) for part in SDXL_TOKENIZERS),
        *(
            ((f"{part}/tokenizer.json",), (f"{part}/vocab.json", f"{part}/merges.txt"))
            for part in SDXL_TOKENIZERS
        ),
        *(((f"{part}/config.json",),) for part in SDXL_WEIGHTS),
    ],
}
TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
OPTIONAL = {
    Family.BLIP: [
        *TOKENIZER_EXTRAS,
        "preprocessor_config.json",
        "generation_config.json",
        "familiarity.safetensors",  # of the demo captioner: captioner.familiarity
    ],
    Family.SDXL: [f"{part}/{name}" for part in SDXL_TOKENIZERS for name in TOKENIZER_EXTRAS],
}


@dataclass(frozen=True, slots=True)
class NeededFiles:
    """``paths`` are all: texts, then weights. ``weights`` and ``variants`` are by component.

    A captioner is one component, "captioner". ``missing`` names, as the end of a sentence that
    begins with the folder, what loading needs and is not there: "vae/config.json is missing".
    """

    paths: tuple[str, ...]
    weights: Mapping[str, tuple[str, ...]]
    variants: Mapping[str, Variant]
    missing: tuple[str, ...]


def needed_files(
    paths: Iterable[str], family: Family, shards_in: Callable[[str], Iterable[str]]
) -> NeededFiles:
    """``shards_in`` gives the names that the index at a path lists; it may read, fetch and raise.

    Of a UNet in several variants, fp16 is taken. The other components take the UNet's variant if
    they have it. Variants other than fp16 and bf16 are not loaded, nor are pickles, formats of
    other libraries, and the whole of an SDXL model in one file.
    """
    there = frozenset(paths)
    texts: list[str] = []
    missing: list[str] = []
    for ways in REQUIRED[family]:
        texts += _first_way(there, ways, missing)
    texts += [path for path in OPTIONAL[family] if path in there]
    weights: dict[str, tuple[str, ...]] = {}
    variants: dict[str, Variant] = {}
    for component, stem in STEMS[family].items():
        variant = variants[component] = _variant(there, stem, variants.get("unet", HALF))
        single, index = _weight_names(stem, variant)
        if index in there and not (_is_of_transformers(stem) and single in there):
            texts.append(index)
            weights[component] = _beside(index, shards_in(index))
        elif single in there:
            weights[component] = (single,)
        else:
            either = ((_weight_names(stem, HALF)[0],), (single,))
            weights[component] = _first_way(there, either, missing)
    every = (path for paths in weights.values() for path in paths)
    return NeededFiles(tuple(dict.fromkeys([*texts, *every])), weights, variants, tuple(missing))


def _is_of_transformers(stem: str) -> bool:
    """Beside an index, transformers opens the single file and diffusers the shards."""
    return PurePosixPath(stem).name == TRANSFORMERS_WEIGHTS


def _variant(there: Collection[str], stem: str, wanted: Variant) -> Variant:
    order = dict.fromkeys([wanted, HALF, None, BFLOAT])
    return next((each for each in order if set(_weight_names(stem, each)) & set(there)), None)


def _weight_names(stem: str, variant: Variant) -> tuple[str, str]:
    """All weights in one file; the index that says which shard holds which weight."""
    suffix = f".{variant}" if variant else ""
    return f"{stem}{suffix}.safetensors", f"{stem}.safetensors.index{suffix}.json"


def _beside(index: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(PurePosixPath(index).with_name(name)) for name in names)


def _first_way(there: Collection[str], ways: Ways, missing: list[str]) -> tuple[str, ...]:
    """The first way that is all there, or else the last; adds to ``missing`` what it lacks."""
    way = next((way for way in ways if set(way) <= set(there)), ways[-1])
    alternative = PurePosixPath(ways[0][0]).name
    for path in way:
        if path not in there:
            words = path if path == ways[0][0] else f"{path} or {alternative}"
            missing.append(f"{words} is missing{_only_a_pickle(there, path)}")
    return way


def _only_a_pickle(there: Collection[str], path: str) -> str:
    """Says so if the only weights beside ``path`` are a pickle: people see it and wonder."""
    folder = PurePosixPath(path).parent
    beside = [each for each in map(PurePosixPath, sorted(there)) if each.parent == folder]
    pickles = [each.name for each in beside if each.suffix in PICKLES]
    if not pickles or any(each.suffix == ".safetensors" for each in beside):
        return ""
    return f", and {pickles[0]} is a pickle: those can run any code, so none is opened"
