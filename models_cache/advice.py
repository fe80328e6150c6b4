"""Errors that keep a program from starting, and what to type or change to mend each."""

import shlex
from collections.abc import Iterable
from enum import Enum

from models_cache import catalog
from models_cache.catalog import ROLES, Checkpoint, in_words

PROGRAM = "scripts/download_models"
ANOTHER = "Name another folder or hub id."


class CannotStart(Exception):
    """``problem`` says what is wrong and has no full stop; ``advice`` says how to mend it.

    As text it is both, ready to print. Nothing else in this project adds full stops to errors.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(f"{problem}. {advice}".rstrip())
        self.problem = problem
        self.advice = advice


class Fault(Enum):
    """MISSING: a file is not there. DAMAGED: it is there, and is not what it should be.

    UNSUITABLE: all is whole, of another family or of a kind that cannot be loaded here.
    """

    MISSING = "missing"
    DAMAGED = "damaged"
    UNSUITABLE = "unsuitable"


class CheckpointError(CannotStart):
    """``fetchable`` is what a download would bring."""

    def __init__(
        self,
        problem: str,
        fault: Fault,
        advice: str = "",
        fetchable: tuple[Checkpoint, ...] = (),
    ) -> None:
        super().__init__(problem, advice)
        self.fault = fault
        self.fetchable = fetchable

    def advised(self, checkpoint: Checkpoint) -> "CheckpointError":
        """This error, with the advice for a copy of ``checkpoint`` unless it has its own."""
        lacks = self.fault is Fault.MISSING and checkpoint.repository
        fetchable = (checkpoint,) if lacks else ()
        advice = self.advice or to_mend(self.fault, checkpoint)
        return CheckpointError(self.problem, self.fault, advice, fetchable)


class CannotFetch(CannotStart):
    """A download failed, or there is no room for it."""


def command(checkpoints: Iterable[Checkpoint]) -> str:
    """The command that fetches what is missing of them, and again what is damaged.

    At most one of either family, and each has a repository.
    """
    wanted = list(checkpoints)
    if {each.name for each in wanted} == {each.name for each in catalog.FULL}:
        return PROGRAM
    return shlex.join([PROGRAM, *flags_of(wanted)])


def flags_of(checkpoints: Iterable[Checkpoint]) -> list[str]:
    """The flags that name them to ``scripts/download_models``."""
    return [word for each in checkpoints for word in (f"--{ROLES[each.family]}", each.name)]


def first_line(error: BaseException) -> str:
    """The first line of another library's error, or its class if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def description(checkpoint: Checkpoint) -> str:
    """Its size here and on a GPU, if they are known, and its licence."""
    facts = [f"licence: {checkpoint.licence}"]
    if checkpoint.gpu_bytes:
        facts.insert(0, f"{in_words(checkpoint.gpu_bytes)} on a GPU")
    if checkpoint.size_bytes:
        facts.insert(0, in_words(checkpoint.size_bytes))
    return ", ".join(facts)


def to_fetch(checkpoints: Iterable[Checkpoint]) -> str:
    """For checkpoints with a repository."""
    wanted = list(checkpoints)
    what = "it" if len(wanted) == 1 else "them"
    return f"To fetch {what}:\n    {command(wanted)}"


def to_mend(fault: Fault, checkpoint: Checkpoint) -> str:
    """For a copy on this machine. One in the user's own cache is left as it is."""
    if fault is Fault.UNSUITABLE:
        return ANOTHER
    is_missing = fault is Fault.MISSING
    if checkpoint.is_demo:
        return "To restore it:\n    git checkout -- models_cache/demo"
    if checkpoint.repository is None:
        verb = "Put it there" if is_missing else "Replace it with a whole copy"
        return f"{verb}, or name another folder."
    what = "what is missing" if is_missing else "that file again"
    return f"To fetch {what}:\n    {command([checkpoint])}"
