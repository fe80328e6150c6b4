"""The models that a part measures: random weights on this machine's GPU, or on its CPU."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from models_cache.advice import CannotStart, CheckpointError
from models_cache.catalog import ROLES, Checkpoint, Family
from models_cache.flags import Memory
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import pick_device
from models_cache.runtime.gpu_fit import Placement, place
from models_cache.store import Store
from scripts.benchmarks.arguments import Plan

NO_CUDA = "no CUDA device"
ON_CUDA = Plan(repeat=3, steps=20, step_counts=(30, 50), requests=(1, 4))
# Shows that the parts work: the figures say nothing.
ON_CPU = Plan(repeat=1, steps=2, step_counts=(2, 3), requests=(1, 2), warms_up=False)


@dataclass(frozen=True)
class Subject:
    """``size`` is one of the random checkpoints', full or tiny; ``root`` is where they lie."""

    size: str
    device: torch.device
    root: Path

    @classmethod
    def of(cls, size: str) -> "Subject":
        """``auto`` is full on CUDA and tiny on a CPU."""
        device = pick_device("auto")
        if size == "auto":
            size = "full" if device.type == "cuda" else "tiny"
        return cls(size, device, Store.folder / "random" / size)

    @property
    def is_cuda(self) -> bool:
        return str(self.device.type) == "cuda"

    @property
    def plan(self) -> Plan:
        return ON_CUDA if self.is_cuda else ON_CPU

    @cached_property
    def checkpoints(self) -> Mapping[Family, LocalCheckpoint]:
        """Raises CannotStart if they were not written, or not to their end."""
        name = f"random weights, {self.size}"
        try:
            return {
                family: LocalCheckpoint.open(
                    Checkpoint(name, family, folder=self.root / part), self.root / part
                )
                for family, part in ROLES.items()
            }
        except CheckpointError as error:
            raise CannotStart(
                f"The random weights are not whole ({error.problem})",
                "The part weights writes them: give it more --minutes.",
            ) from error

    @cached_property
    def placement(self) -> Placement:
        """The server's own, by what is free when this is first asked for. Raises CannotStart."""
        return place(Memory.AUTO, self.checkpoints.values(), self.device)
