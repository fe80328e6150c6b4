"""The arguments of one UNet forward, gathered from the samples that share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from generator.sample import Sample


@dataclass(frozen=True, slots=True)
class UNetInputs:
    """N rows; those of one sample lie together."""

    latents: torch.Tensor  # (N, channels, height, width), scaled as each scheduler wants them
    timesteps: torch.Tensor  # (N,): they may differ, as get_time_embed takes one each
    prompt_embeds: torch.Tensor  # (N, tokens, channels)
    added_cond_kwargs: Mapping[str, torch.Tensor]  # pooled embeddings and time ids, by row

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "UNetInputs":
        """For each sample's next step."""
        timesteps = [sample.timestep.expand(len(sample.prompt_embeds)) for sample in samples]
        return cls(
            torch.cat([sample.latent_model_input() for sample in samples]),
            torch.cat(timesteps),
            torch.cat([sample.prompt_embeds for sample in samples]),
            {
                "text_embeds": torch.cat([sample.add_text_embeds for sample in samples]),
                "time_ids": torch.cat([sample.add_time_ids for sample in samples]),
            },
        )

    def at(self, timestep: torch.Tensor) -> "UNetInputs":
        """The same, with one timestep for all rows."""
        return replace(self, timesteps=timestep.repeat(len(self.latents)))

    def first(self, rows: int) -> "UNetInputs":
        conditions = {name: each[:rows] for name, each in self.added_cond_kwargs.items()}
        return UNetInputs(
            self.latents[:rows], self.timesteps[:rows], self.prompt_embeds[:rows], conditions
        )

    def forward(self, unet: Any) -> torch.Tensor:
        """What the UNet predicts (N, channels, height, width)."""
        noise_pred: torch.Tensor = unet(
            self.latents,
            self.timesteps,
            encoder_hidden_states=self.prompt_embeds,
            added_cond_kwargs=self.added_cond_kwargs,
            return_dict=False,
        )[0]
        return noise_pred
