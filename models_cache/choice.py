"""Which two checkpoints to load, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models_cache import catalog
from models_cache.catalog import Checkpoint, Family
from models_cache.store import MissingModel, ModelError, Store

ROLES = {Family.BLIP: "Captioner", Family.SDXL: "Generator"}


class Models(StrEnum):
    AUTO = "auto"
    DEMO = "demo"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint, and the folder in which its files were found whole."""

    checkpoint: Checkpoint
    folder: Path


@dataclass(frozen=True, slots=True)
class Choice:
    """``reason`` is for whoever starts the program: which models, why, and how to get others."""

    captioner: Located
    generator: Located
    reason: str


def choose(
    models: str,
    captioner: str | None,
    generator: str | None,
    has_cuda: bool,
    store: Store | None = None,
) -> Choice:
    """``captioner`` and ``generator``, each a folder or a hub id, go before what ``models`` says.

    ``auto`` is full where there is a CUDA device and the weights are at hand, demo otherwise.
    Nothing is fetched. Raises ModelError, and ValueError for a ``models`` that is none of Models.
    """
    wanted = {Family.BLIP: captioner, Family.SDXL: generator}
    places, reason = _choose(models, wanted, has_cuda, store or Store())
    return Choice(places[Family.BLIP], places[Family.SDXL], reason)


def choose_one(
    models: str, family: Family, name: str | None, has_cuda: bool, store: Store | None = None
) -> tuple[Located, str]:
    """The same for a program that needs one of the two alone: its checkpoint, and the reason."""
    places, reason = _choose(models, {family: name}, has_cuda, store or Store())
    return places[family], reason


def _choose(
    models: str, wanted: Mapping[Family, str | None], has_cuda: bool, store: Store
) -> tuple[dict[Family, Located], str]:
    named = [store.named(name, family) for family, name in wanted.items() if name]
    others = [family for family, name in wanted.items() if not name]
    located, why = _choose_others(Models(models), others, has_cuda, store)
    found = {place.checkpoint.family: place for place in _locate(named, store) + located}
    places = {family: found[family] for family in wanted}
    return places, "\n".join([_what(places, has_cuda), *why])


def _choose_others(
    models: Models, families: list[Family], has_cuda: bool, store: Store
) -> tuple[list[Located], list[str]]:
    """What no flag of its own names, and the lines that say why."""
    if not families:
        return [], []
    demo = [checkpoint for checkpoint in catalog.DEMO if checkpoint.family in families]
    full = [checkpoint for checkpoint in catalog.FULL if checkpoint.family in families]
    if models is not Models.AUTO:
        asked = demo if models is Models.DEMO else full
        return _locate(asked, store), [f"--models {models} was asked for."]
    fetch = []
    try:
        located = _locate(full, store)
        if has_cuda:
            return located, ["--models auto: there is a CUDA device, and the full models are here."]
    except ModelError as error:
        # Damage to what would be used is for its owner to mend, not to be worked around.
        if has_cuda and not isinstance(error, MissingModel):
            raise
        fetch.append(str(error))
    without = "the full models' weights" if has_cuda else "a CUDA device"
    return _locate(demo, store), [f"--models auto: demo, for want of {without}.", *fetch]


def _locate(checkpoints: Iterable[Checkpoint], store: Store) -> list[Located]:
    """Says all that is missing at once: nobody wants to be sent to fetch twice."""
    located, missing = [], []
    for checkpoint in checkpoints:
        try:
            located.append(Located(checkpoint, store.locate(checkpoint)))
        except MissingModel as error:
            missing.append(str(error))
    if missing:
        raise MissingModel("\n".join(missing))
    return located


def _what(places: Mapping[Family, Located], has_cuda: bool) -> str:
    checkpoints = {family: place.checkpoint for family, place in places.items()}
    sentences = [f"{ROLES[family]}: {each.name}." for family, each in checkpoints.items()]
    if any(each.is_demo for each in checkpoints.values()):
        sentences.append("Demo models know drawn scenes, not photos.")
    if Family.SDXL in checkpoints and not (has_cuda or checkpoints[Family.SDXL].is_demo):
        sentences.append("Without a CUDA device, SDXL at its full size takes minutes for an image.")
    return " ".join(sentences)
