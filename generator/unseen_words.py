"""The words of a prompt that the text encoders never see: CLIP reads a fixed number of tokens."""

import re
from typing import Any


def unseen_words(tokenizer: Any, prompt: str) -> tuple[str, ...]:
    """The words that lie, in part or whole, behind the last token that fits.

    ``tokenizer`` is a transformers tokenizer that knows offsets. SDXL's two share their merges, so
    that the first speaks for both.
    """
    encoding = tokenizer(
        prompt, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    limit = tokenizer.model_max_length - tokenizer.num_special_tokens_to_add()
    unseen = encoding["offset_mapping"][limit:]
    if not unseen:
        return ()
    first = unseen[0][0]
    return tuple(word.group() for word in re.finditer(r"\S+", prompt) if word.end() > first)
