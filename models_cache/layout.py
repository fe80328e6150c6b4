"""The files that loading a checkpoint opens, by family."""

from pathlib import Path

from models_cache import weight_names
from models_cache.catalog import Family
from models_cache.checkpoint_file import (
    DamagedFile,
    MissingFile,
    check_safetensors,
    read_json,
    read_json_if_there,
    read_text,
)
from models_cache.weight_names import DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS

# What the first file may call the checkpoint: its class, or for want of that its model_type.
CLASS_NAMES = {
    Family.BLIP: ("BlipForConditionalGeneration", "blip"),
    Family.SDXL: ("StableDiffusionXLPipeline",),
}
FIRST_FILES = {Family.BLIP: "config.json", Family.SDXL: "model_index.json"}
# The UNet first: it decides the variant, and as the largest is what a cut download lacks.
SDXL_WEIGHTS = {
    "unet": DIFFUSERS_WEIGHTS,
    "vae": DIFFUSERS_WEIGHTS,
    "text_encoder": TRANSFORMERS_WEIGHTS,
    "text_encoder_2": TRANSFORMERS_WEIGHTS,
}
SDXL_CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
SDXL_TOKENIZERS = ("tokenizer", "tokenizer_2")
LIBRARIES = ("diffusers", "transformers")
PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")


class WrongCheckpoint(Exception):
    """The folder holds what cannot be loaded here, however whole it is. No full stop either."""


def check(folder: Path, family: Family) -> None:
    """Raises MissingFile, DamagedFile or WrongCheckpoint for the first thing that is wrong.

    Reads the small files and the headers of the large ones: milliseconds, even for SDXL. Whether
    the tensors fit the configs is not looked at. Pickles are never opened.
    """
    check_family(folder, family)
    if family is Family.BLIP:
        _check_blip(folder)
    else:
        _check_sdxl(folder)


def check_family(folder: Path, family: Family, name: str | None = None) -> None:
    """The same for the first file alone, which is all that has to be there.

    ``name`` is what to call the checkpoint where people know it by another name than its folder.
    """
    found = _class_name(folder, family)
    if found not in CLASS_NAMES[family]:
        raise WrongCheckpoint(
            f"{name or folder} is a checkpoint of the {found} family, not {family.value}"
            f" ({CLASS_NAMES[family][0]})"
        )


def variant(folder: Path) -> str | None:
    """Which variant of a BLIP's weights to load: "fp16", or None for the plain ones."""
    return weight_names.variant(_names(folder), TRANSFORMERS_WEIGHTS)


def component_variant(folder: Path, component: str) -> str | None:
    """The same for a component of an SDXL ``folder``.

    The UNet decides, as the largest, what is looked for first; a component that has only the other
    is loaded from that.
    """
    has_half = weight_names.variant(_names(folder / "unet"), SDXL_WEIGHTS["unet"])
    names = _names(folder / component)
    return weight_names.variant(names, SDXL_WEIGHTS[component], half_first=bool(has_half))


def weight_files(folder: Path, family: Family) -> dict[str, list[Path]]:
    """The files of weights that loading opens, by component; BLIP has one, "captioner".

    Raises MissingFile, or DamagedFile for an index that lists none.
    """
    if family is Family.BLIP:
        return {"captioner": _files(folder, TRANSFORMERS_WEIGHTS, variant(folder))}
    return {
        component: _files(folder / component, name, component_variant(folder, component))
        for component, name in SDXL_WEIGHTS.items()
    }


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.safetensors*")}


def _class_name(folder: Path, family: Family) -> str:
    """What the folder says it holds, which need not be of the family wanted."""
    if (folder / "model_index.json").is_file():
        return str(read_json(folder / "model_index.json").get("_class_name"))
    if not (folder / "config.json").is_file():
        raise _missing(folder, FIRST_FILES[family])
    config = read_json(folder / "config.json")
    match config.get("architectures"):
        case [name, *_]:
            return str(name)
    return str(config.get("model_type"))


def _check_blip(folder: Path) -> None:
    if not (folder / "processor_config.json").is_file():
        _require(folder, "preprocessor_config.json", "processor_config.json")
    for name in (
        "processor_config.json",
        "preprocessor_config.json",
        "tokenizer_config.json",
        "generation_config.json",
    ):
        read_json_if_there(folder / name)
    _check_tokenizer(folder, "vocab.txt")
    _check_weights(folder, Family.BLIP)


def _check_sdxl(folder: Path) -> None:
    _check_components(folder / "model_index.json")
    read_json(folder / "scheduler" / "scheduler_config.json")
    for tokenizer in SDXL_TOKENIZERS:
        # Without it the second tokenizer would pad with another token, and say nothing.
        read_json(folder / tokenizer / "tokenizer_config.json")
        _check_tokenizer(folder / tokenizer, "vocab.json", "merges.txt")
    for component in SDXL_WEIGHTS:
        read_json(folder / component / "config.json")
    _check_weights(folder, Family.SDXL)


def _check_components(model_index: Path) -> None:
    components = read_json(model_index)
    for component in ("scheduler", *SDXL_TOKENIZERS, *SDXL_WEIGHTS):
        _check_component(model_index, component, components.get(component))


def _check_component(model_index: Path, component: str, value: object) -> None:
    match value:
        case [None, None] | None:
            raise WrongCheckpoint(
                f"{model_index} has no {component}: an SDXL refiner, or a part of a model, cannot"
                " paint from words alone"
            )
        case [library, str(name)] if library in LIBRARIES:
            if name != SDXL_CLASSES.get(component, name):
                raise WrongCheckpoint(
                    f"{model_index} names {name} as its {component}, and only"
                    f" {SDXL_CLASSES[component]} is served"
                )
        case _:
            raise WrongCheckpoint(
                f"{model_index} does not say that {component} is a class of diffusers or"
                " transformers, and code that comes with a checkpoint is not run"
            )


def _check_tokenizer(folder: Path, *vocabulary: str) -> None:
    """One tokenizer.json, or the older files that say the same."""
    read_json_if_there(folder / "special_tokens_map.json")
    if (folder / "tokenizer.json").is_file():
        read_json(folder / "tokenizer.json")
        return
    for name in vocabulary:
        _require(folder, name, "tokenizer.json")
        read = read_json if name.endswith(".json") else read_text
        read(folder / name)


def _check_weights(folder: Path, family: Family) -> None:
    for files in weight_files(folder, family).values():
        for file in files:
            check_safetensors(file)


def _files(folder: Path, stem: str, variant: str | None) -> list[Path]:
    if weight_names.is_sharded(_names(folder), stem, variant):
        return _shards(folder / weight_names.index(stem, variant))
    name = weight_names.single(stem, variant)
    _require(folder, name, weight_names.single(stem, weight_names.HALF))
    return [folder / name]


def _shards(index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise DamagedFile(index, "does not list the files of the weights")
    return [index.parent / name for name in sorted(set(names))]


def _require(folder: Path, name: str, alternative: str) -> None:
    if not (folder / name).is_file():
        raise _missing(folder, name if name == alternative else f"{name} or {alternative}")


def _missing(folder: Path, name: str) -> MissingFile:
    """Says so where the only weights are pickles: people see them and wonder."""
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLES)
    if not pickles or any(folder.glob("*.safetensors")):
        return MissingFile(folder / name)
    return MissingFile(
        folder / name,
        f"is missing, and {pickles[0]} is a pickle: those can run any code, so none is opened",
    )
