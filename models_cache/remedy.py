"""What to type when a checkpoint is missing, incomplete or damaged."""

import shlex
from pathlib import Path

from models_cache.catalog import Checkpoint, Family

# Of a repository that we do not know. The root of an SDXL repository often has the same weights
# again as one file of 7 GB, which is not loaded.
INCLUDE = {
    Family.BLIP: ("*.json", "*.txt", "*.safetensors"),
    Family.SDXL: ("*.json", "*.txt", "*/*.safetensors"),
}


def to_fetch(checkpoint: Checkpoint) -> str:
    """For a checkpoint with a repository."""
    size = f"{checkpoint.size_bytes / 1e9:.1f} GB, " if checkpoint.size_bytes else ""
    return f"To fetch it ({size}licence: {checkpoint.licence}):\n    {_fetch_command(checkpoint)}"


def to_complete(checkpoint: Checkpoint, copy: Path) -> str:
    """For a ``copy`` that lacks a file."""
    if checkpoint.is_demo:
        return _restore_demo()
    if checkpoint.repository is None:
        return "Put it there, or name another folder."
    command = f"{_fetch_command(checkpoint)} {shlex.join(['--cache-dir', str(_cache(copy))])}"
    if checkpoint.files:
        return f"To fetch what is missing:\n    {command}"
    return f"To fetch what is missing, if the repository has it:\n    {command}"


def to_replace(checkpoint: Checkpoint, copy: Path, file: Path) -> str:
    """For a damaged ``file`` in ``copy``."""
    if checkpoint.is_demo:
        return _restore_demo()
    if checkpoint.repository is None:
        return "Replace it with a whole copy, or name another folder."
    # The hub library takes a file that is there for whole unless it is forced, and the revision of
    # the copy, which need not be the one we would fetch, makes it replace this very file.
    command = ["download", checkpoint.repository, file.relative_to(copy).as_posix()]
    command += ["--revision", copy.name, "--cache-dir", str(_cache(copy)), "--force-download"]
    return f"To fetch that file again:\n    .venv/bin/hf {shlex.join(command)}"


def _fetch_command(checkpoint: Checkpoint) -> str:
    command = ["download", str(checkpoint.repository)]
    if checkpoint.revision:
        command += ["--revision", checkpoint.revision]
    for pattern in checkpoint.include or INCLUDE[checkpoint.family]:
        command += ["--include", pattern]
    return f".venv/bin/hf {shlex.join(command)}"


def _restore_demo() -> str:
    return "To restore it:\n    git checkout -- models_cache/demo"


def _cache(copy: Path) -> Path:
    """Of <cache>/models--org--name/snapshots/<revision>: this very copy is to be mended."""
    return copy.parents[2]
