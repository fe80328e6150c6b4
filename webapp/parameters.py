"""Form fields and queries become the parameters that ``ModelInfo.request`` takes."""

import re
from collections.abc import Mapping
from fractions import Fraction
from urllib.parse import parse_qsl

WHOLE_NUMBERS = ("width", "height", "num_inference_steps", "seed")
NUMBERS = ("guidance_scale",)
# What image tools send for a seed that is to be drawn.
RANDOM_SEED = -1

# Bounded in digits and exponent: no text makes a number that takes long to compute.
NUMBER = re.compile(
    r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})(e[+-]?[0-9]{1,2})?", re.IGNORECASE
)


def parse_query(query: bytes) -> dict[str, str]:
    """The first value of each name. What is not UTF-8 becomes lone surrogates, refused later."""
    text = query.decode("utf-8", "surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return dict(reversed(pairs))


def parse_parameters(fields: Mapping[str, str]) -> dict[str, object]:
    """Numbers where numbers belong; what is none stays text, and is refused with its name.

    ``5.0`` and ``5e0`` are the whole number 5. A seed of -1 becomes None: it is drawn at random.
    """
    return {name: _number(name, text) for name, text in fields.items()}


def drop_blanks(fields: Mapping[str, str]) -> dict[str, str]:
    """A form sends every field: a blank one is no parameter."""
    return {name: text for name, text in fields.items() if text.strip()}


def _number(name: str, text: str) -> object:
    if not NUMBER.fullmatch(text.strip()):
        return text
    if name in NUMBERS:
        return float(text)
    if name not in WHOLE_NUMBERS:
        return text
    number = Fraction(text)  # exact, which a float is not for a large seed
    if name == "seed" and number == RANDOM_SEED:
        return None
    return int(number) if number.denominator == 1 else text
