"""Which two checkpoints to load, and why."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models_cache import catalog, remedy
from models_cache.catalog import ROLES, Checkpoint, Family
from models_cache.store import MissingModel, ModelError, Store

Fetch = Callable[[Sequence[Checkpoint], Store], None]


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
    fetch: Fetch | None = None,
) -> Choice:
    """``captioner`` and ``generator``, each a folder or a hub id, go before what ``models`` says.

    ``auto`` is full where there is a CUDA device and the weights are at hand, demo otherwise, and
    fetches nothing. What else was asked for and is missing is left to ``fetch``, if there is one.
    Raises ModelError, and ValueError for a ``models`` that is none of Models.
    """
    wanted = {Family.BLIP: captioner, Family.SDXL: generator}
    places, reason = _choose(models, wanted, has_cuda, store or Store(), fetch)
    return Choice(places[Family.BLIP], places[Family.SDXL], reason)


def choose_one(
    models: str,
    family: Family,
    name: str | None,
    has_cuda: bool,
    store: Store | None = None,
    fetch: Fetch | None = None,
) -> tuple[Located, str]:
    """The same for a program that needs one of the two alone: its checkpoint, and the reason."""
    places, reason = _choose(models, {family: name}, has_cuda, store or Store(), fetch)
    return places[family], reason


def _choose(
    models: str,
    wanted: Mapping[Family, str | None],
    has_cuda: bool,
    store: Store,
    fetch: Fetch | None,
) -> tuple[dict[Family, Located], str]:
    asked = [store.named(name, family) for family, name in wanted.items() if name]
    others = [family for family, name in wanted.items() if not name]
    why = []
    if Models(models) is not Models.AUTO and others:
        known = catalog.DEMO if Models(models) is Models.DEMO else catalog.FULL
        asked += [checkpoint for checkpoint in known if checkpoint.family in others]
        others = []
        why = [f"--models {models} was asked for."]
    located = _fetch_and_locate(asked, store, fetch)
    if others:
        automatic, why = _choose_automatically(others, has_cuda, store)
        located += automatic
    found = {place.checkpoint.family: place for place in located}
    places = {family: found[family] for family in wanted}
    return places, "\n".join([_what(places, has_cuda), *why])


def _choose_automatically(
    families: list[Family], has_cuda: bool, store: Store
) -> tuple[list[Located], list[str]]:
    """What no flag names, and the lines that say why."""
    demo = [checkpoint for checkpoint in catalog.DEMO if checkpoint.family in families]
    full = [checkpoint for checkpoint in catalog.FULL if checkpoint.family in families]
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


def _fetch_and_locate(asked: list[Checkpoint], store: Store, fetch: Fetch | None) -> list[Located]:
    try:
        return _locate(asked, store)
    except MissingModel as error:
        if fetch is None or not error.fetchable:
            raise
        fetch(error.fetchable, store)
    return _locate(asked, store)


def _locate(checkpoints: Iterable[Checkpoint], store: Store) -> list[Located]:
    """Says all that is missing at once: nobody wants to be sent to fetch twice."""
    located, missing = [], []
    for checkpoint in checkpoints:
        try:
            located.append(Located(checkpoint, store.locate(checkpoint)))
        except MissingModel as error:
            missing.append(error)
    if missing:
        raise _together(missing)
    return located


def _together(missing: list[MissingModel]) -> MissingModel:
    fetchable = tuple(checkpoint for error in missing for checkpoint in error.fetchable)
    if len(fetchable) < len(missing):
        # A folder or the demo among them has a remedy of its own, and comes before any download.
        return MissingModel("\n".join(str(error) for error in missing))
    if len(missing) == 1:
        return missing[0]
    problems = "\n".join(error.problem for error in missing)
    return MissingModel(problems, remedy.to_fetch(fetchable), fetchable)


def _what(places: Mapping[Family, Located], has_cuda: bool) -> str:
    checkpoints = {family: place.checkpoint for family, place in places.items()}
    sentences = [
        f"{ROLES[family].capitalize()}: {each.name}." for family, each in checkpoints.items()
    ]
    if any(each.is_demo for each in checkpoints.values()):
        sentences.append("Demo models know drawn scenes, not photos.")
    if Family.SDXL in checkpoints and not (has_cuda or checkpoints[Family.SDXL].is_demo):
        sentences.append("Without a CUDA device, SDXL at its full size takes minutes for an image.")
    return " ".join(sentences)
