"""What only a GPU can show. Skipped, with the reason, where there is none.

``LOOKALIKE_REHEARSE_GPU=1`` runs what does not need CUDA itself on the CPU, over tiny random
weights: it shows that the tests work, and nothing about a GPU.
"""

import os
from pathlib import Path

import pytest
import torch

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
def folders(device: torch.device) -> tuple[Path, Path]:
    """Random weights of the published sizes, written once, for the captioner and the generator."""
    size = "full" if device.type == "cuda" else "tiny"
    root = Path("models_cache", "random", size)
    for part, make in (("captioner", checkpoint.captioner), ("generator", checkpoint.generator)):
        if not (root / part).is_dir():
            list(make(SIZES[size]).write(root / part, seed=0))
    return root / "captioner", root / "generator"
