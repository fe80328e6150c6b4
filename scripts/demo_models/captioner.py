"""The demo captioner: BLIP-large's classes, small, trained to name what a scene shows."""

from pathlib import Path
from random import Random

import torch
from torch import nn
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from scripts.demo_models.batches import IMAGE_SIZE, drawn_scenes, nowhere_scenes
from scripts.demo_models.run import Run
from scripts.demo_models.tokenizers import caption_tokenizer

STEPS = 10_000
NOWHERE = 24  # of the batch: things without a setting, so that neither is known by the other
MASKED_WORDS = 0.25
IGNORED = -100  # a label that cross entropy passes over
BATCH = 64


def build(folder: Path) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """A fresh model and its processor, whose vocabulary file is written into ``folder``."""
    tokenizer = caption_tokenizer(folder)
    width = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_attention_heads": 4,
        "projection_dim": 64,
    }
    config = BlipConfig(
        vision_config={
            **width,
            "num_hidden_layers": 4,
            "image_size": IMAGE_SIZE,
            "patch_size": 16,
            "initializer_range": 0.02,
            "attention_dropout": 0.1,
        },
        text_config={
            **width,
            "num_hidden_layers": 3,
            "hidden_dropout_prob": 0.1,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 64,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            "sep_token_id": tokenizer.sep_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=64,
        image_text_hidden_size=64,
    )
    images = BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    return BlipForConditionalGeneration(config), BlipProcessor(images, tokenizer)


def run(folder: Path, device: torch.device, steps: int = STEPS) -> Run:
    torch.manual_seed(0)
    model, processor = build(folder / "captioner")
    scenes, nowhere = drawn_scenes(folder), nowhere_scenes(folder)

    def loss(model: nn.Module, rng: Random) -> torch.Tensor:
        pixel_values, captions = scenes.batch(rng, BATCH - NOWHERE)
        plain_pixel_values, plain_captions = nowhere.batch(rng, NOWHERE)
        pixel_values = torch.cat([pixel_values, plain_pixel_values]).to(device)
        input_ids, attention_mask, labels = (
            tensor.to(device) for tensor in _words(processor.tokenizer, captions, plain_captions)
        )
        pixel_values = _normalize(_wear(pixel_values), processor.image_processor)
        result: torch.Tensor = model(pixel_values, input_ids, attention_mask, labels).loss
        return result

    return Run("captioner", model, loss, BATCH, steps, 1e-3, folder, device)


def _words(
    tokenizer: BertTokenizer, captions: list[str], plain_captions: list[str]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The decoder's input ids, their mask, and the labels that it is to say next.

    Some input words are hidden: the decoder is to look rather than to guess from what is usual. If
    no setting is to be seen, the caption's end is not asked for.
    """
    tokens = tokenizer([*captions, *plain_captions], padding=True, return_tensors="pt")
    labels = tokens.input_ids.masked_fill(tokens.attention_mask == 0, IGNORED)
    labels[len(captions) :][labels[len(captions) :] == tokenizer.sep_token_id] = IGNORED
    hidden = torch.rand(tokens.input_ids.shape) < MASKED_WORDS
    input_ids = tokens.input_ids.masked_fill(hidden, tokenizer.mask_token_id)
    input_ids[:, 0] = tokenizer.convert_tokens_to_ids("[DEC]")
    return input_ids, tokens.attention_mask, labels


def _wear(pixel_values: torch.Tensor) -> torch.Tensor:
    """Changes brightness, softness and noise, as happens to pictures on their way; in [-1, 1]."""
    count = len(pixel_values)
    gain = 1 + 0.1 * torch.randn(count, 1, 1, 1, device=pixel_values.device)
    soft = nn.functional.avg_pool2d(pixel_values, 3, stride=1, padding=1, count_include_pad=False)
    share = torch.rand(count, 1, 1, 1, device=pixel_values.device)
    noise = 0.08 * torch.rand(count, 1, 1, 1, device=pixel_values.device)
    worn = gain * torch.lerp(pixel_values, soft, share)
    return (worn + noise * torch.randn_like(worn)).clamp(-1, 1)


def _normalize(pixel_values: torch.Tensor, processor: BlipImageProcessorPil) -> torch.Tensor:
    """Turns [-1, 1] into the values that the processor makes of an image of the right size."""
    mean = torch.tensor(processor.image_mean, device=pixel_values.device).view(3, 1, 1)
    std = torch.tensor(processor.image_std, device=pixel_values.device).view(3, 1, 1)
    return ((pixel_values + 1) / 2 - mean) / std


def save(model: nn.Module, folder: Path) -> None:
    """Writes model and processor as transformers does, in half precision."""
    assert isinstance(model, BlipForConditionalGeneration)
    _, processor = build(folder)
    model.cpu().half().save_pretrained(folder, variant="fp16")
    processor.save_pretrained(folder)
