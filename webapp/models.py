"""The server's two models: chosen, compared with their configs, loaded side by side."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import torch

import captioner.blip
import generator.pipeline
from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.choose import choose, fetch_in_child
from models_cache.flags import FastPath, Memory, Models, Precision
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime import nvidia
from models_cache.runtime.device import pick_device, use_device, use_own_stream
from models_cache.runtime.gpu_fit import Placement, place
from models_cache.runtime.loading import ConstructionLock, LoadProgress, Warmable, load_warm
from models_cache.runtime.tensors import check_weights
from webapp.services import GpuMemory
from webapp.settings import Settings

Model = TypeVar("Model", bound=Warmable)


@dataclass(frozen=True, slots=True)
class ModelPair:
    """Each is loaded by the thread that is to own it; neither computes before both are there.

    ``cuda_problem`` says why a GPU that is there is not used.
    """

    checkpoints: Mapping[Family, LocalCheckpoint]
    placement: Placement
    progress: Mapping[Family, LoadProgress]
    cuda_problem: str = ""
    fast_path: FastPath = FastPath.OFF
    lock: ConstructionLock = field(default_factory=lambda: ConstructionLock(2))

    @classmethod
    def of(cls, settings: Settings, may_fetch: bool = True) -> "ModelPair":
        """What the server's settings ask for; as ``choose`` otherwise."""
        pair = cls.choose(
            settings.models,
            {Family.BLIP: settings.captioner, Family.SDXL: settings.generator},
            settings.device,
            settings.memory,
            settings.dtype,
            settings.fast_path,
            may_fetch,
        )
        painter = _with_defaults(pair.checkpoints[Family.SDXL], settings)
        return replace(pair, checkpoints={**pair.checkpoints, Family.SDXL: painter})

    @classmethod
    def choose(
        cls,
        models: Models,
        names: Mapping[Family, str | None],
        device: str,
        memory: Memory,
        precision: Precision = Precision.AUTO,
        fast_path: FastPath = FastPath.OFF,
        may_fetch: bool = True,
    ) -> "ModelPair":
        """Says which models, why, and where they will be; arguments are those of the flags.

        Not while another thread constructs a model. Raises CannotStart.
        """
        where = pick_device(device)
        has_cuda, problem = where.type == "cuda", nvidia.problem()
        fetch = fetch_in_child if may_fetch else None
        choice = choose(models, names, has_cuda, fetch=fetch, cuda_problem=problem)
        print(choice.reason, file=sys.stderr)
        checkpoints = choice.checkpoints
        placement = place(memory, checkpoints.values(), where, precision)
        check_weights(checkpoints[Family.BLIP], captioner.blip.COMPONENTS)
        check_weights(checkpoints[Family.SDXL], generator.pipeline.COMPONENTS)
        progress = {family: LoadProgress(each) for family, each in checkpoints.items()}
        return cls(checkpoints, placement, progress, problem, fast_path)

    def load_captioner(self) -> Blip:
        """The captioner, warm. Raises what loading raises, and OtherModelFailed."""
        use_device(self.placement.device)
        use_own_stream(self.placement.device)
        return self._load(partial(Blip.load, fast=self.fast_path), Family.BLIP)

    def load_generator(self) -> SDXL:
        """The generator, warm. Raises what loading raises, and OtherModelFailed."""
        use_device(self.placement.device)
        return self._load(partial(SDXL.load, fast=self.fast_path), Family.SDXL)

    def gpu_memory(self) -> GpuMemory | None:
        """What PyTorch has of the GPU now; None on a CPU. From any thread.

        It only reads the allocator's own books: a call into CUDA could disturb a model's thread.
        """
        device = self.placement.device
        if device.type != "cuda":
            return None
        return GpuMemory(
            torch.cuda.memory_allocated(device),
            torch.cuda.memory_reserved(device),
            torch.cuda.get_device_properties(device).total_memory,
        )

    def _load(self, load: Callable[[LocalCheckpoint, Placement], Model], family: Family) -> Model:
        """On the thread that is to own the model."""
        checkpoint, progress = self.checkpoints[family], self.progress[family]
        return load_warm(load, checkpoint, self.placement, progress, self.lock)


def _with_defaults(painter: LocalCheckpoint, settings: Settings) -> LocalCheckpoint:
    """The checkpoint, with what its owner says of requests that do not say."""
    said = {
        "num_inference_steps": settings.num_inference_steps,
        "guidance_scale": settings.guidance_scale,
    }
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    return replace(painter, known=replace(painter.known, **changes))
