"""The two sizes: as published, and the smaller values of ``tiny``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A caption's words are fewer too: the first thousand tokens of BERT's vocabulary are no words.
TINY_WORDS = 2048
TINY_MERGES = 1486
TINY_PROMPT_TOKENS = 2000  # CLIP's bytes, these merges and its two special tokens
TINY_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
}
TINY_PROMPT_ENCODER = {**TINY_TEXT, "projection_dim": 32, "vocab_size": TINY_PROMPT_TOKENS}


@dataclass(frozen=True, slots=True)
class Size:
    """``changes`` are the values of the published configs that differ, by part and file.

    ``merges`` is the number of CLIP's merges that are kept, None for all.
    """

    merges: int | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


TINY = Size(
    merges=TINY_MERGES,
    changes={
        "captioner/config.json": {
            "image_text_hidden_size": 16,
            "projection_dim": 16,
            "text_config": {
                **TINY_TEXT,
                "bos_token_id": TINY_WORDS - 2,
                "encoder_hidden_size": 32,
                "max_position_embeddings": 64,
                "vocab_size": TINY_WORDS,
            },
            "vision_config": {**TINY_TEXT, "image_size": 32, "patch_size": 8},
        },
        "captioner/preprocessor_config.json": {"size": {"height": 32, "width": 32}},
        "generator/text_encoder/config.json": TINY_PROMPT_ENCODER,
        "generator/text_encoder_2/config.json": TINY_PROMPT_ENCODER,
        "generator/unet/config.json": {
            "addition_time_embed_dim": 8,
            "attention_head_dim": [1, 2, 4],
            "block_out_channels": [8, 16, 32],
            "cross_attention_dim": 64,
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "projection_class_embeddings_input_dim": 6 * 8 + 32,
            "sample_size": 8,
            "transformer_layers_per_block": [1, 1, 1],
        },
        "generator/vae/config.json": {
            "block_out_channels": [8, 8, 16, 16],
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "sample_size": 64,
        },
    },
)
FULL = Size()
SIZES = {"tiny": TINY, "full": FULL}
