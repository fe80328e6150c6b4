"""One image between two denoising steps: all of its state."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import SchedulerMixin

from generator.forward import Forward
from generator.request import GenerationRequest


@dataclass(slots=True, eq=False)
class Sample:
    """Owns its scheduler, as diffusers' schedulers count steps and keep past outputs.

    R is 2 with guidance (first the negative row, then the prompt's) and 1 without.
    """

    request: GenerationRequest
    scheduler: SchedulerMixin
    timesteps: torch.Tensor  # (steps,), on the device, for the UNet
    latents: torch.Tensor  # (1, channels, height, width), in latent units
    prompt_embeds: torch.Tensor  # (R, tokens, channels)
    add_text_embeds: torch.Tensor  # (R, channels): the pooled prompt embeddings
    add_time_ids: torch.Tensor  # (R, 6)
    extra_step_kwargs: dict[str, Any]
    unseen_words: tuple[str, ...] = ()
    step_index: int = 0
    last_forward: Forward | None = None
    was_put_back: bool = False  # and has not made that step again

    @property
    def batch_key(self) -> Hashable:
        """Shape and precision: samples that have both in common may share a forward."""
        return tuple(self.latents.shape), self.latents.dtype

    @property
    def num_steps(self) -> int:
        """Denoising steps in all: twice the request's for second-order schedulers, less one."""
        return len(self.timesteps)

    @property
    def is_denoised(self) -> bool:
        return self.step_index >= len(self.timesteps)

    @property
    def timestep(self) -> torch.Tensor:
        return self.timesteps[self.step_index]

    @property
    def host_timestep(self) -> torch.Tensor:
        """The same in host memory, for the scheduler: it asks for the value, without waiting."""
        timestep: torch.Tensor = self.scheduler.timesteps[self.step_index]
        return timestep

    def latent_model_input(self) -> torch.Tensor:
        """The latents (R, channels, height, width), scaled as the scheduler wants them."""
        latents = self.scheduler.scale_model_input(self.latents, self.host_timestep)
        return latents.expand(len(self.prompt_embeds), -1, -1, -1)

    def guide(self, noise_pred: torch.Tensor) -> torch.Tensor:
        """Applies classifier-free guidance (Ho and Salimans 2022, eq. 6): (R, ...) to (1, ...)."""
        if len(noise_pred) == 1:
            return noise_pred
        negative, positive = noise_pred.chunk(2)
        return negative + self.request.guidance_scale * (positive - negative)

    def advance(self, model_input: torch.Tensor, noise_pred: torch.Tensor) -> None:
        """Takes one step, from this sample's (R, ...) rows: what the UNet was given, and gave."""
        guided = self.guide(noise_pred)
        self.last_forward = Forward(model_input[:1], self.host_timestep, guided)
        self.latents = self.scheduler.step(
            guided,
            self.host_timestep,
            self.latents,
            **self.extra_step_kwargs,
            return_dict=False,
        )[0]
        self.step_index += 1
        self.was_put_back = False

    def state(self) -> "State":
        """What a step changes."""
        rng = self.extra_step_kwargs.get("generator")
        kept = {name: self._own(each) for name, each in vars(self.scheduler).items()}
        rng_state = None if rng is None else rng.get_state()
        return State(self.latents, self.step_index, self.last_forward, kept, rng_state)

    def _own(self, value: Any) -> Any:
        """Schedulers change lists, and PNDM a sum of its predictions; all else they replace."""
        if isinstance(value, torch.Tensor) and value.shape == self.latents.shape:
            return value.clone()
        return list(value) if isinstance(value, list) else value

    def put_back(self, state: "State") -> None:
        """Takes back the steps since. A state can be put back once."""
        self.latents, self.step_index = state.latents, state.step_index
        self.last_forward, self.was_put_back = state.last_forward, True
        vars(self.scheduler).clear()
        vars(self.scheduler).update(state.scheduler)
        if state.rng is not None:
            self.extra_step_kwargs["generator"].set_state(state.rng)

    def clean_latents(self) -> torch.Tensor:
        """The latents of the finished image as the last forward foresaw them.

        Before the first forward they are the latents, all noise.
        """
        if self.last_forward is None:
            return self.latents
        return self.last_forward.clean_latents(self.scheduler)


@dataclass(frozen=True, slots=True)
class State:
    """Of a sample between two steps. Nothing in it is changed by a later step."""

    latents: torch.Tensor
    step_index: int
    last_forward: Forward | None
    scheduler: dict[str, Any]
    rng: torch.Tensor | None


def remembered(samples: Sequence[Sample]) -> Callable[[], None]:
    """What puts all of them back to where they are now."""
    states = [(sample, sample.state()) for sample in samples]

    def put_back() -> None:
        for sample, state in states:
            sample.put_back(state)

    return put_back
