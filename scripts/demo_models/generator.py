"""The demo generator: SDXL's classes, small; the UNet and both text encoders learn together.

The UNet predicts v (Salimans and Ho 2022, equation 10 of appendix D) under SDXL's noise schedule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from scripts.demo_models.batches import IMAGE_SIZE, SHAPES
from scripts.demo_models.encoded import EncodedScenes
from scripts.demo_models.prompts import as_typed, is_hard
from scripts.demo_models.run import Run
from scripts.demo_models.tokenizers import PROMPT_TOKENS, prompt_tokenizer

STEPS = 12_000
FINISH_STEPS = 5000
BATCH = 32
POOLED = 128
TIME_EMBEDDING = 32
WORD_STD = 0.3
NOISE_SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}


def build_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=IMAGE_SIZE // 8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 128),
        layers_per_block=1,
        attention_head_dim=(2, 4, 4),
        cross_attention_dim=96 + 128,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_EMBEDDING,
        projection_class_embeddings_input_dim=6 * TIME_EMBEDDING + POOLED,
    )


def _text_config(tokenizer: CLIPTokenizer, hidden_size: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=PROMPT_TOKENS,
        projection_dim=POOLED,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


class Denoiser(nn.Module):
    """The parts that learn here: the UNet and the text encoders, with their tokenizers."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.tokenizers = (
            prompt_tokenizer(folder / "tokenizer", "<|endoftext|>"),
            prompt_tokenizer(folder / "tokenizer_2", "!"),
        )
        self.text_encoder = CLIPTextModel(_text_config(self.tokenizers[0], 96))
        self.text_encoder_2 = CLIPTextModelWithProjection(_text_config(self.tokenizers[1], 128))
        self.unet = build_unet()
        # The UNet reads the encoders' last layer but one, where a fresh CLIP's words hardly differ.
        for encoder in (self.text_encoder, self.text_encoder_2):
            nn.init.normal_(encoder.get_input_embeddings().weight, std=WORD_STD)

    def encode(self, prompts: list[str], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Prompt embeddings (N, tokens, 224) and pooled ones (N, 128), as in the pipeline."""
        embeds = []
        for tokenizer, encoder in zip(
            self.tokenizers, (self.text_encoder, self.text_encoder_2), strict=True
        ):
            tokens = tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt")
            output = encoder(tokens.input_ids.to(device), output_hidden_states=True)
            embeds.append(output.hidden_states[-2])
        return torch.cat(embeds, dim=-1), output.text_embeds


@dataclass(frozen=True)
class DenoisingLoss:
    """The error of v, on scenes and their captions; each batch is of one shape.

    ``forgetful`` is the share of prompts that lose a colour, and of pooled embeddings that are
    left out: what a thing is must then come from its own word.
    """

    scenes: Sequence[EncodedScenes]
    device: torch.device
    noising: DDPMScheduler
    forgetful: float = 0.0

    def __call__(self, model: nn.Module, rng: Random) -> torch.Tensor:
        latents, prompts = rng.choice(self.scenes).batch(rng, BATCH)
        timesteps = _timesteps(self.noising.config.num_train_timesteps).to(self.device)
        noise = torch.randn_like(latents)
        typed = [as_typed(prompt, rng, self.forgetful) for prompt in prompts]
        prompt_embeds, pooled_prompt_embeds = model.encode(typed, self.device)
        unconditional = torch.rand(BATCH, device=self.device) < 0.1
        unpooled = unconditional | (torch.rand(BATCH, device=self.device) < self.forgetful)
        v_pred = model.unet(
            self.noising.add_noise(latents, noise, timesteps),
            timesteps,
            prompt_embeds.masked_fill(unconditional[:, None, None], 0),
            added_cond_kwargs={
                "text_embeds": pooled_prompt_embeds.masked_fill(unpooled[:, None], 0),
                "time_ids": _time_ids(rng, latents).to(self.device),
            },
        ).sample
        velocity = self.noising.get_velocity(latents, noise, timesteps)
        return nn.functional.mse_loss(v_pred.float(), velocity)


def run(folder: Path, device: torch.device, vae: AutoencoderKL, steps: int = STEPS) -> Run:
    torch.manual_seed(0)
    denoiser = Denoiser(folder / "generator")
    scenes = EncodedScenes.cached(folder, vae, device)
    loss = DenoisingLoss([scenes], device, DDPMScheduler(**NOISE_SCHEDULE))
    return Run("generator", denoiser, loss, BATCH, steps, 8e-4, folder, device, average_decay=0.999)


def finish_run(
    folder: Path,
    device: torch.device,
    vae: AutoencoderKL,
    denoiser: nn.Module,
    steps: int = FINISH_STEPS,
) -> Run:
    """Trains a finished generator further: harder scenes, shorter prompts, and other shapes.

    Two batches in three are square, one is wide or tall.
    """
    square = EncodedScenes.cached(folder, vae, device)
    shaped = [EncodedScenes.cached(folder, vae, device, shape) for shape in SHAPES]
    scenes = [square] * (2 * len(shaped)) + shaped
    for one in (square, *shaped):
        one.prefer(is_hard)
    loss = DenoisingLoss(scenes, device, DDPMScheduler(**NOISE_SCHEDULE), forgetful=0.2)
    return Run("finish", denoiser, loss, BATCH, steps, 5e-4, folder, device, average_decay=0.999)


def _timesteps(count: int) -> torch.Tensor:
    """Timesteps (BATCH,): 3 in 4 logit-normal, as shapes are decided half way; the rest uniform.

    Esser et al. 2024, "Scaling Rectified Flow Transformers", section 3.1.
    """
    middling = torch.sigmoid(torch.randn(BATCH))
    share = torch.where(torch.rand(BATCH) < 0.75, middling, torch.rand(BATCH))
    return (share * count).long()


def _time_ids(rng: Random, latents: torch.Tensor) -> torch.Tensor:
    """Time ids (N, 6): mostly the true size, now and then a larger one, to be asked for too."""
    true = 8 * latents.shape[2], 8 * latents.shape[3]
    rows = []
    for _ in latents:
        size = true if rng.random() < 0.8 else _larger(true, rng)
        rows.append([*size, 0, 0, *size])
    return torch.tensor(rows, dtype=torch.float32)


def _larger(size: tuple[int, int], rng: Random) -> list[int]:
    """The sides, up to twice as long, in the same proportions."""
    scale = rng.randrange(IMAGE_SIZE, 2 * IMAGE_SIZE + 1, 8) / IMAGE_SIZE
    return [round(side * scale) for side in size]


def save(denoiser: nn.Module, vae: AutoencoderKL, folder: Path) -> None:
    """Writes the pipeline as diffusers does, in half precision."""
    assert isinstance(denoiser, Denoiser)
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=denoiser.text_encoder,
        text_encoder_2=denoiser.text_encoder_2,
        tokenizer=denoiser.tokenizers[0],
        tokenizer_2=denoiser.tokenizers[1],
        unet=denoiser.unet,
        scheduler=EulerDiscreteScheduler(**NOISE_SCHEDULE, timestep_spacing="trailing"),
        add_watermarker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder, variant="fp16")
