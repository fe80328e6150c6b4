"""One training run: seeded, resumable, with progress, and an average of the weights at its end."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

LossAtStep = Callable[[nn.Module, Random], torch.Tensor]


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Computes in bf16 where it is fast; weights stay fp32.

    bf16 halves the time of a step on CPUs that have it, and takes 20 times as long on others.
    """
    is_fast = device.type != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=is_fast)


@dataclass
class Run:
    """The parts of a training run; ``train`` runs it.

    ``loss`` gets the model and a ``random.Random`` that depends on the seed and the step alone, as
    torch's own random numbers do: a run that was cut and resumed gives the result of an
    uncut one. ``batch`` is the number of images that ``loss`` reads each time. ``rates`` are
    learning rates of parts of the model that have their own.
    """

    name: str
    model: nn.Module
    loss: LossAtStep
    batch: int
    steps: int
    learning_rate: float
    folder: Path
    device: torch.device
    seed: int = 0
    warmup_steps: int = 100
    average_decay: float = 0.998
    save_every: int = 250
    rates: Mapping[nn.Module, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.model.to(self.device).train()
        self.average = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(self.average_decay)
        )
        self.optimizer = torch.optim.AdamW(
            self._groups(), self.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def _groups(self) -> list[dict[str, object]]:
        """Parameters that learn, by their learning rate."""
        own = {id(each) for part in self.rates for each in part.parameters()}
        others = [each for each in self.model.parameters() if each.requires_grad]
        others = [each for each in others if id(each) not in own]
        parts = [
            {"params": list(part.parameters()), "lr": rate} for part, rate in self.rates.items()
        ]
        return [{"params": others}, *parts]

    def _rate(self, step: int) -> float:
        """The rate's factor: linear warm-up, then a half cosine down to a twentieth."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        return warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1, step / self.steps))))

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.name}.pt"

    def train(self) -> nn.Module:
        """Trains from the last checkpoint, or from nothing, and returns the averaged model."""
        self._resume()
        self.folder.mkdir(parents=True, exist_ok=True)
        bar = tqdm(
            range(len(self.losses), self.steps),
            self.name,
            initial=len(self.losses),
            total=self.steps,
        )
        for step in bar:
            self._step(step)
            bar.set_postfix(loss=f"{sum(self.losses[-50:]) / len(self.losses[-50:]):.4f}")
            if (step + 1) % self.save_every == 0:
                self._save()
        self._save()
        return self._averaged()

    def finished(self) -> nn.Module:
        """The averaged model of a run that was trained to its end. Raises RuntimeError if not."""
        self._resume()
        if len(self.losses) < self.steps:
            raise RuntimeError(
                f"{self.name} has {len(self.losses)} of {self.steps} steps:"
                f" run scripts/train_demo {self.name}"
            )
        return self._averaged()

    def _averaged(self) -> nn.Module:
        averaged: nn.Module = self.average.module
        return averaged.eval()

    def _step(self, step: int) -> None:
        started = time.perf_counter()
        torch.manual_seed(1_000_003 * self.seed + step)
        self.optimizer.zero_grad(set_to_none=True)
        # torch 2.13's flash attention takes a third of a step's time on CPUs, most of it going
        # backwards.
        with autocast(self.device), sdpa_kernel(SDPBackend.MATH):
            loss = self.loss(self.model, Random(f"{self.seed}/{self.name}/{step}"))
            loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.model)
        self.losses.append(loss.item())
        self.seconds += time.perf_counter() - started

    def _parts(
        self,
    ) -> dict[str, nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LambdaLR]:
        return {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }

    def _save(self) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        partial = self.checkpoint.with_suffix(".part")
        torch.save({**state, "losses": self.losses, "seconds": self.seconds}, partial)
        partial.replace(self.checkpoint)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, self.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.losses, self.seconds = state["losses"], state["seconds"]
