"""Form fields and queries become the parameters that ``ModelInfo.request`` takes."""

import re
from collections.abc import Mapping
from fractions import Fraction
from urllib.parse import parse_qsl

WHOLE_NUMBERS = (
    "width",
    "height",
    "num_inference_steps",
    "seed",
    "max_new_tokens",
    "num_beams",
)
NUMBERS = ("guidance_scale",)
# Image tools send this for a random seed.
RANDOM_SEED = -1

# Bounded in digits and exponent: no text makes a number that takes long to compute.
NUMBER = re.compile(
    r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})(e[+-]?[0-9]{1,2})?", re.IGNORECASE
)

DECIMAL_COMMA = re.compile("[0-9]{1,20},[0-9]{1,20}")


def parse_query(query: bytes) -> dict[str, str]:
    """The first value of each name. Bytes that are not UTF-8 become surrogates, refused later."""
    text = query.decode("utf-8", "surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return dict(reversed(pairs))


def parse_parameters(fields: Mapping[str, str]) -> dict[str, object]:
    """Reads the numbers. Text that is no number stays text, and is refused later with its name.

    ``5.0`` and ``5e0`` are the whole number 5. A seed of -1 becomes None: it is drawn at random.
    """
    return {name: _number(name, text) for name, text in fields.items()}


def drop_blanks(fields: Mapping[str, str]) -> dict[str, str]:
    """Keeps the fields that were filled in: a form sends blank ones too.

    A part of a form may have no name: its key is None to werkzeug, and empty here.
    """
    return {name or "": text for name, text in fields.items() if text.strip()}


def _number(name: str, text: str) -> object:
    if name in NUMBERS and DECIMAL_COMMA.fullmatch(text.strip()):
        text = text.replace(",", ".")
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
