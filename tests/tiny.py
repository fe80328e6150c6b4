"""SDXL and BLIP in their real classes, with a few thousand random weights."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from scripts.demo_models.tokenizers import PROMPT_TOKENS, caption_tokenizer, prompt_tokenizer

# Tensors this small are not worth a second thread, and threads that wait for each other spin.
torch.set_num_threads(1)

TEXT_WIDTH = 32
POOLED_WIDTH = 24
TIME_WIDTH = 8


# What the pipeline below draws.
TINY_INFO = ModelInfo(
    name="tiny",
    sampler="Euler",
    default_size=64,
    smallest_size=16,
    largest_size=128,
    size_multiple=8,
    num_inference_steps=30,
    guidance_scale=5.0,
)


def tiny_pipeline(folder: Path) -> StableDiffusionXLPipeline:
    """A random SDXL pipeline of 64x64 pixels; ``folder`` takes the tokenizers' files.

    The scheduler is configured as the published one, whose first timestep is not the last of
    training. Text encoders are initialised widely, so that another prompt, a pooled embedding or
    a time id changes the latents by far more than rounding does.
    """
    torch.manual_seed(0)
    tokenizers = (
        prompt_tokenizer(folder / "tokenizer", "<|endoftext|>"),
        prompt_tokenizer(folder / "tokenizer_2", "!"),
    )
    text_configs = [
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=PROMPT_TOKENS,
            projection_dim=POOLED_WIDTH,
            initializer_factor=5.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        for tokenizer in tokenizers
    ]
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(text_configs[0]),
        text_encoder_2=CLIPTextModelWithProjection(text_configs[1]),
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        unet=_unet(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
            steps_offset=1,
        ),
        add_watermarker=False,
    )


def is_channels_last(module: torch.nn.Module) -> bool:
    """Whether each convolution that is wider than a pixel is."""
    weights = [each for each in module.parameters() if each.ndim == 4 and each.shape[-1] > 1]
    return all(each.is_contiguous(memory_format=torch.channels_last) for each in weights)


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        attention_head_dim=(1, 2),
        cross_attention_dim=2 * TEXT_WIDTH,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * TIME_WIDTH + POOLED_WIDTH,
    )


def tiny_blip(folder: Path) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """A random BLIP of 32x32 pixels; ``folder`` takes the tokenizer's files."""
    torch.manual_seed(0)
    tokenizer = caption_tokenizer(folder)
    width = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
    }
    config = BlipConfig(
        vision_config={**width, "image_size": 32, "patch_size": 8, "initializer_range": 0.2},
        text_config={
            **width,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 64,
            "initializer_range": 0.4,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            "sep_token_id": tokenizer.sep_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=16,
        image_text_hidden_size=16,
    )
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    return BlipForConditionalGeneration(config).eval(), BlipProcessor(images, tokenizer)


def alone(pipeline: StableDiffusionXLPipeline, request: GenerationRequest, output_type: str):
    """What the pipeline itself makes of the request."""
    return pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type=output_type,
    ).images[0]
