"""What to type when a checkpoint is missing, incomplete or damaged."""

import shlex
from collections.abc import Iterable

from models_cache import catalog, size
from models_cache.catalog import ROLES, Checkpoint

PROGRAM = "scripts/download_models"


def command(checkpoints: Iterable[Checkpoint]) -> str:
    """Fetches what is missing of them, and again what is damaged.

    At most one of either family, and each has a repository.
    """
    names = {ROLES[each.family]: each.name for each in checkpoints}
    if set(names.values()) == {each.name for each in catalog.FULL}:
        return PROGRAM
    flags = [word for role, name in names.items() for word in (f"--{role}", name)]
    return shlex.join([PROGRAM, *flags])


def what_it_is(checkpoint: Checkpoint) -> str:
    """Its size here and on a GPU, where they are known, and its licence."""
    facts = [f"licence: {checkpoint.licence}"]
    if checkpoint.gpu_bytes:
        facts.insert(0, f"{size.in_words(checkpoint.gpu_bytes)} on a GPU")
    if checkpoint.size_bytes:
        facts.insert(0, size.in_words(checkpoint.size_bytes))
    return ", ".join(facts)


def to_fetch(checkpoints: Iterable[Checkpoint]) -> str:
    """For checkpoints with a repository."""
    wanted = list(checkpoints)
    what = "it" if len(wanted) == 1 else "them"
    return f"To fetch {what}:\n    {command(wanted)}"


def to_complete(checkpoint: Checkpoint) -> str:
    """For a copy that lacks a file."""
    if checkpoint.is_demo:
        return _restore_demo()
    if checkpoint.repository is None:
        return "Put it there, or name another folder."
    return f"To fetch what is missing:\n    {command([checkpoint])}"


def to_replace(checkpoint: Checkpoint) -> str:
    """For a copy with a damaged file. One that is in the user's own cache is left as it is."""
    if checkpoint.is_demo:
        return _restore_demo()
    if checkpoint.repository is None:
        return "Replace it with a whole copy, or name another folder."
    return f"To fetch that file again:\n    {command([checkpoint])}"


def to_record_anew(checkpoint: Checkpoint) -> str:
    """For a damaged manifest."""
    return f"To write it again:\n    {command([checkpoint])}"


def _restore_demo() -> str:
    return "To restore it:\n    git checkout -- models_cache/demo"
