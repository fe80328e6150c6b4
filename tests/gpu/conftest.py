"""What only a GPU can show. Skipped, with the reason, where there is none.

``LOOKALIKE_REHEARSE_GPU=1`` runs what does not need CUDA itself on the CPU, over tiny random
weights: it shows that the tests work, and nothing about a GPU.
"""

import os
from pathlib import Path

import pytest
import torch
from checkpoints import local

from models_cache.catalog import Family
from models_cache.local_checkpoint import LocalCheckpoint
from scripts.random_checkpoints import checkpoint
from scripts.random_checkpoints.sizes import SIZES

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
    """Random weights of the published sizes, written once, for the captioner and the generator."""
    size = "full" if device.type == "cuda" else "tiny"
    root = Path("models_cache", "random", size).resolve()
    parts = {
        "captioner": (Family.BLIP, checkpoint.captioner),
        "generator": (Family.SDXL, checkpoint.generator),
    }
    for part, (_, make) in parts.items():
        if not (root / part).is_dir():
            list(make(SIZES[size]).write(root / part, seed=0))
    return [local(root / part, family, "random") for part, (family, _) in parts.items()]
