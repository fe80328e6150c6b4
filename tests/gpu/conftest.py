"""What only a GPU can show. Skipped, with the reason, where there is none.

``LOOKALIKE_REHEARSE_GPU=1`` runs what does not need CUDA itself on the CPU, over tiny random
weights: it shows that the tests work, and nothing about a GPU.
"""

import os
from pathlib import Path

import pytest
import torch
from checkpoints import local

from models_cache.local_checkpoint import LocalCheckpoint
from scripts.random_checkpoints.missing import FAMILIES, write_missing

SKIPPED = "this machine has no CUDA device"


@pytest.fixture(scope="session")
def device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("LOOKALIKE_REHEARSE_GPU"):
        return torch.device("cpu")
    pytest.skip(SKIPPED)


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip(SKIPPED)
    return torch.device("cuda")


@pytest.fixture(scope="session")
def checkpoints(device: torch.device) -> list[LocalCheckpoint]:
    """Both in random weights of the published sizes; what is not whole is written first."""
    size = "full" if device.type == "cuda" else "tiny"
    root = Path("models_cache", "random", size).resolve()
    folders = write_missing(size, root)
    return [local(folders[part], FAMILIES[part], "random") for part in ("captioner", "generator")]
