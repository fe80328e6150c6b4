"""Form fields and query parameters become what ``ModelInfo.request`` takes."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

WHOLE_NUMBERS = ("width", "height", "num_inference_steps", "seed")
NUMBERS = ("guidance_scale",)


def parse_query(query: bytes) -> dict[str, str]:
    """The first value of each name. What is not UTF-8 becomes lone surrogates, refused later."""
    text = query.decode("utf-8", "surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return dict(reversed(pairs))


def parse_wishes(fields: Mapping[str, str]) -> dict[str, object]:
    """Numbers where numbers belong; what is none stays text, and is refused with its name."""
    return {name: _number(name, text) for name, text in fields.items()}


def drop_blanks(fields: Mapping[str, str]) -> dict[str, str]:
    """A form sends every field: a blank one is no wish."""
    return {name: text for name, text in fields.items() if text.strip()}


def _number(name: str, text: str) -> object:
    if name in WHOLE_NUMBERS and re.fullmatch(r"-?[0-9]{1,19}", text.strip()):
        return int(text)
    if name in NUMBERS and re.fullmatch(r"-?([0-9]{1,9}\.?|[0-9]{0,9}\.[0-9]{1,20})", text.strip()):
        return float(text)
    return text
