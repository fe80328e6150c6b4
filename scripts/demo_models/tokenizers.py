"""The demo models' vocabularies, in the published tokenizers' classes and file formats."""

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import BertTokenizer, CLIPTokenizer

from scripts.demo_models.scenes import (
    ABOVE,
    COLOURS,
    KINDS,
    LEFT_OF,
    SETTINGS,
    SIZES,
    WEATHERS,
)

PROMPT_TOKENS = 32
PHRASES = ("a an and", LEFT_OF, ABOVE, *SIZES, *COLOURS, *KINDS, *SETTINGS, *WEATHERS)
CAPTION_WORDS = sorted(set(" ".join(PHRASES).split()))


def caption_tokenizer(folder: Path) -> BertTokenizer:
    """BERT's word pieces, one for each word of the grammar, with BLIP's own two tokens last."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*specials, *CAPTION_WORDS, "[DEC]", "[ENC]"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return BertTokenizer(
        vocab=str(folder / "vocab.txt"), additional_special_tokens=["[DEC]", "[ENC]"]
    )


def prompt_tokenizer(folder: Path, pad_token: str) -> CLIPTokenizer:
    """CLIP's byte-level BPE with merges that make each word of the grammar one token.

    Other words fall apart into bytes, as rare ones do in the published tokenizers.
    """
    _train_byte_pairs(folder)
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        pad_token=pad_token,
        model_max_length=PROMPT_TOKENS,
    )


def _train_byte_pairs(folder: Path) -> None:
    """Writes the vocabulary and merges under which each word of the grammar is one token."""
    tokenizer = Tokenizer(BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    letters = sorted(ByteLevel.alphabet())
    trainer = BpeTrainer(
        vocab_size=2000,  # more than there are merges: every word ends up whole
        min_frequency=1,
        show_progress=False,
        special_tokens=[*letters, *(f"{letter}</w>" for letter in letters)],
        end_of_word_suffix="</w>",
    )
    tokenizer.train_from_iterator(CAPTION_WORDS, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model.save(str(folder))
    vocab_file = folder / "vocab.json"
    vocabulary = json.loads(vocab_file.read_text(encoding="utf-8"))
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    vocab_file.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
