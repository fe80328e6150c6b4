"""Chooses which checkpoints to load; fetches those that were asked for and are missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models_cache import advice, catalog
from models_cache.advice import CannotFetch, CheckpointError, Fault
from models_cache.catalog import ROLES, Checkpoint, Family
from models_cache.flags import Models
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.store import Store

ROOT = Path(__file__).parents[1]

Fetch = Callable[[Sequence[Checkpoint], Store], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """``reason`` is for the user of the program: which models, why, and how to get others."""

    checkpoints: Mapping[Family, LocalCheckpoint]
    reason: str


def fetch_in_child(checkpoints: Sequence[Checkpoint], store: Store) -> None:
    """Runs ``scripts/download_models`` for ``checkpoints``, which have a repository.

    It is a process of its own, as this one stays offline. Its progress goes to this process's
    stderr, and it ends with this process. Raises CannotFetch with the error that it ends with.
    """
    program = [sys.executable, "-m", "models_cache", *advice.flags_of(checkpoints)]
    with subprocess.Popen(
        [*program, "--folder", str(store.folder), "--error-to-stdout"],
        cwd=ROOT,
        # This process set it, so that nothing but the download can touch the network.
        env={name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"},
        stdin=subprocess.PIPE,  # its lifeline
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, and so ends both
    ) as child:
        assert child.stdout
        error = child.stdout.read()
        code = child.wait()
    if code and error:
        raise CannotFetch(*json.loads(error))
    if code:
        ended = f"The download ended with exit code {code}"
        raise CannotFetch(ended, advice.to_fetch(checkpoints))


def choose(
    models: Models,
    names: Mapping[Family, str | None],
    has_cuda: bool,
    store: Store | None = None,
    fetch: Fetch | None = fetch_in_child,
    cuda_problem: str = "",
) -> Choice:
    """A checkpoint for each family in ``names``; a folder or hub id there goes before ``models``.

    ``auto`` is full if there is a CUDA device and the weights are at hand, demo otherwise, and
    fetches nothing. What else was asked for and is missing is left to ``fetch``, if there is one.
    ``cuda_problem`` says why a GPU that is there is not used. Raises CannotStart.
    """
    store = store or Store()
    asked = [store.named(name, family) for family, name in names.items() if name]
    others = [family for family, name in names.items() if not name]
    why = []
    if models is not Models.AUTO and others:
        known = catalog.DEMO if models is Models.DEMO else catalog.FULL
        asked += [checkpoint for checkpoint in known if checkpoint.family in others]
        others = []
        why = [f"--models {models} was asked for."]
    located = _locate(asked, store, fetch)
    if others:
        automatic, why = _choose_automatically(others, has_cuda, store)
        located += automatic
    found = {each.known.family: each for each in located}
    checkpoints = {family: found[family] for family in names}
    lines = [_summary(checkpoints, has_cuda), *why, cuda_problem]
    return Choice(checkpoints, "\n".join(filter(None, lines)))


def _choose_automatically(
    families: list[Family], has_cuda: bool, store: Store
) -> tuple[list[LocalCheckpoint], list[str]]:
    """The checkpoints for the families that no flag names, and the reason, one line each."""
    demo = [checkpoint for checkpoint in catalog.DEMO if checkpoint.family in families]
    full = [checkpoint for checkpoint in catalog.FULL if checkpoint.family in families]
    if not has_cuda:
        return _locate(demo, store), ["--models auto: demo, for want of a CUDA device."]
    try:
        located = _locate(full, store)
    except CheckpointError as error:
        # Damage to what would be used is for its owner to mend, not to be worked around.
        if error.fault is not Fault.MISSING:
            raise
        want = "--models auto: demo, for want of the full models' weights."
        return _locate(demo, store), [want, str(error)]
    return located, ["--models auto: there is a CUDA device, and the full models are here."]


def _locate(
    checkpoints: Iterable[Checkpoint], store: Store, fetch: Fetch | None = None
) -> list[LocalCheckpoint]:
    """Says all that is missing at once: one command, or ``fetch``, brings all of it."""
    located, missing = [], []
    for checkpoint in checkpoints:
        try:
            located.append(store.locate(checkpoint))
        except CheckpointError as error:
            if error.fault is not Fault.MISSING:
                raise
            missing.append(error)
    if not missing:
        return located
    absence = _together(missing)
    if not fetch or not absence.fetchable:
        raise absence
    fetch(absence.fetchable, store)
    return _locate(checkpoints, store)


def _together(missing: list[CheckpointError]) -> CheckpointError:
    if len(missing) == 1:
        return missing[0]
    first, second = missing
    fetchable = (*first.fetchable, *second.fetchable)
    if len(fetchable) < len(missing):
        # A folder or the demo among them has advice of its own, and comes before any download.
        return CheckpointError(first.problem, Fault.MISSING, f"{first.advice}\n{second}")
    problem = f"{first.problem}.\n{second.problem}"
    return CheckpointError(problem, Fault.MISSING, advice.to_fetch(fetchable), fetchable)


def _summary(checkpoints: Mapping[Family, LocalCheckpoint], has_cuda: bool) -> str:
    known = {family: each.known for family, each in checkpoints.items()}
    sentences = [f"{ROLES[family].capitalize()}: {each.name}." for family, each in known.items()]
    if any(each.is_demo for each in known.values()):
        sentences.append("Demo models know drawn scenes, not photos.")
    if Family.SDXL in known and not (has_cuda or known[Family.SDXL].is_demo):
        sentences.append("Without a CUDA device, SDXL at its full size takes minutes for an image.")
    return " ".join(sentences)
