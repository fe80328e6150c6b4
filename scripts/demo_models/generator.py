"""The demo generator: SDXL's classes, small; the UNet and both text encoders learn together.

The UNet predicts v (Salimans and Ho 2022, equation 10 of appendix D) under SDXL's noise schedule.
"""

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

from scripts.demo_models.batches import IMAGE_SIZE
from scripts.demo_models.encoded import EncodedScenes
from scripts.demo_models.run import Run
from scripts.demo_models.scenes import LEFT_OF, parse_caption
from scripts.demo_models.tokenizers import PROMPT_TOKENS, prompt_tokenizer

STEPS = 12_000
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


def run(folder: Path, device: torch.device, vae: AutoencoderKL, steps: int = STEPS) -> Run:
    torch.manual_seed(0)
    denoiser = Denoiser(folder / "generator")
    scenes = EncodedScenes.cached(folder, vae, device)
    noising = DDPMScheduler(**NOISE_SCHEDULE)

    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        latents, prompts = scenes.batch(rng, BATCH)
        timesteps = _timesteps(noising.config.num_train_timesteps).to(device)
        noise = torch.randn_like(latents)
        prompt_embeds, pooled_prompt_embeds = model.encode(
            [_as_typed(prompt, rng) for prompt in prompts], device
        )
        unconditional = torch.rand(BATCH, device=device) < 0.1
        prompt_embeds = prompt_embeds.masked_fill(unconditional[:, None, None], 0)
        pooled_prompt_embeds = pooled_prompt_embeds.masked_fill(unconditional[:, None], 0)
        v_pred = model.unet(
            noising.add_noise(latents, noise, timesteps),
            timesteps,
            prompt_embeds,
            added_cond_kwargs={
                "text_embeds": pooled_prompt_embeds,
                "time_ids": _time_ids(rng, BATCH).to(device),
            },
        ).sample
        velocity = noising.get_velocity(latents, noise, timesteps)
        return nn.functional.mse_loss(v_pred.float(), velocity)

    return Run("generator", denoiser, loss, BATCH, steps, 8e-4, folder, device, average_decay=0.999)


def _timesteps(count: int) -> torch.Tensor:
    """Timesteps (BATCH,): 3 in 4 logit-normal, as shapes are decided half way; the rest uniform.

    Esser et al. 2024, "Scaling Rectified Flow Transformers", section 3.1.
    """
    middling = torch.sigmoid(torch.randn(BATCH))
    share = torch.where(torch.rand(BATCH) < 0.75, middling, torch.rand(BATCH))
    return (share * count).long()


def _as_typed(prompt: str, rng: Random) -> str:
    """A caption as people may type it: now and then "and", no setting, or nothing at all.

    "" means any scene, as it does to the published model.
    """
    chance = rng.random()
    if chance < 0.05:
        return ""
    if chance < 0.10:
        return parse_caption(prompt).things_caption
    return prompt.replace(LEFT_OF, "and") if chance < 0.25 else prompt


def _time_ids(rng: Random, count: int) -> torch.Tensor:
    """Time ids (count, 6): mostly the true size; sometimes another, so that it can be asked for."""
    sizes = [
        IMAGE_SIZE if rng.random() < 0.8 else rng.randrange(IMAGE_SIZE, 2 * IMAGE_SIZE + 1, 8)
        for _ in range(count)
    ]
    return torch.tensor([[size, size, 0, 0, size, size] for size in sizes], dtype=torch.float32)


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
