"""Configs and tokenizers of the two checkpoints: all their files but the weights.

The generator's are the published files byte for byte. BLIP's are equal in meaning only: the
same values with fewer defaults written out, and other words in a vocabulary of the same length.
"""

import gzip
import json
from pathlib import Path
from typing import Any

from transformers import BertTokenizer

from scripts.random_checkpoints.sizes import Size
from scripts.random_checkpoints.vocabularies import (
    caption_tokens,
    clip_vocabulary_text,
    merges_text,
)

PUBLISHED = Path(__file__).parent / "published"
# [DEC] and [ENC]: the model has an embedding for each, the published tokenizer no word.
BLIP_SPECIALS = 2


def captioner(size: Size) -> dict[str, bytes]:
    """Contents by path."""
    files = _configs("captioner", size)
    entries = json.loads(files["config.json"])["text_config"]["vocab_size"] - BLIP_SPECIALS
    tokens = caption_tokens(entries, clip_merges())
    tokenizer = BertTokenizer(vocab={token: place for place, token in enumerate(tokens)})
    files["vocab.txt"] = "".join(f"{token}\n" for token in tokens).encode()
    files["tokenizer.json"] = tokenizer.backend_tokenizer.to_str(pretty=True).encode()
    return files


def generator(size: Size) -> dict[str, bytes]:
    """Contents by path. The two tokenizers differ in their padding token, and in nothing else."""
    files = _configs("generator", size)
    merges = clip_merges()[: size.merges]
    for tokenizer in ("tokenizer", "tokenizer_2"):
        files[f"{tokenizer}/merges.txt"] = merges_text(merges).encode()
        files[f"{tokenizer}/vocab.json"] = clip_vocabulary_text(merges).encode()
    return files


def clip_merges() -> list[str]:
    """All 48,894 of CLIP's byte pairs, in the order of merging."""
    text = gzip.decompress((PUBLISHED / "merges.txt.gz").read_bytes()).decode()
    return text.splitlines()[1:]


def _configs(part: str, size: Size) -> dict[str, bytes]:
    folder = PUBLISHED / part
    return {
        path.relative_to(folder).as_posix(): _changed(
            path.read_bytes(), size.changes.get(path.relative_to(PUBLISHED).as_posix(), {})
        )
        for path in sorted(folder.rglob("*.json"))
    }


def _changed(content: bytes, changes: Any) -> bytes:
    """The changed content; the same bytes if nothing changes."""
    if not changes:
        return content
    config = json.loads(content)
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    return (json.dumps(config, indent=2) + "\n").encode()
