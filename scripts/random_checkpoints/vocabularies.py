"""The tokenizers' vocabularies: CLIP's own, and one that takes the place of BERT's."""

import json
import re
import string
from collections.abc import Sequence

MERGES_VERSION = "#version: 0.2"
WORD_END = "</w>"

# A character for each byte, the printable ones first (OpenAI CLIP, simple_tokenizer.py).
BYTES = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 324))]

BERT_SPECIALS = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
BERT_FIRST_CHARACTER = 999  # the ids between are unused, for others to fill
CHARACTERS = sorted(string.punctuation + string.digits + string.ascii_lowercase)
CONTINUATIONS = [f"##{character}" for character in string.digits + string.ascii_lowercase]


def merges_text(merges: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in (MERGES_VERSION, *merges))


def clip_tokens(merges: Sequence[str]) -> list[str]:
    """Tokens in the order of their ids. Each is a byte, or two tokens that were merged."""
    merged = ["".join(merge.split()) for merge in merges]
    word_ends = [f"{character}{WORD_END}" for character in BYTES]
    return [*BYTES, *word_ends, *merged, "<|startoftext|>", "<|endoftext|>"]


def clip_vocabulary_text(merges: Sequence[str]) -> str:
    """``vocab.json``, letter for letter as it was published."""
    ids = {token: place for place, token in enumerate(clip_tokens(merges))}
    return json.dumps(ids, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def caption_tokens(count: int, merges: Sequence[str]) -> list[str]:
    """``count`` word pieces, with BERT's special tokens and characters at BERT's ids.

    Its words are CLIP's, the most frequent first: BERT's own are not in this repository.
    """
    unused = (f"[unused{number}]" for number in range(BERT_FIRST_CHARACTER))
    first = [BERT_SPECIALS.get(place) or next(unused) for place in range(BERT_FIRST_CHARACTER)]
    endings = [
        token for token in clip_tokens(merges) if re.fullmatch(f"[a-z]{{2,}}{WORD_END}", token)
    ]
    words = [token.removesuffix(WORD_END) for token in endings]
    return [*first, *CHARACTERS, *CONTINUATIONS, *words][:count]
