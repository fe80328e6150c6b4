"""What a PNG says that it was painted from, as the fields of the page's form."""

from generator.png import parse_parameters, read_text

PNG = b"\x89PNG\r\n\x1a\n"
FIELDS = {
    "Prompt": "prompt",
    "Negative prompt": "negative_prompt",
    "Steps": "num_inference_steps",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
}
MOST_TEXT = 64_000  # characters: longer ones, which are not ours, take seconds to read
MOST_CHARACTERS = 2000  # of one field, as many as the page's words may have


def fields_of(picture: bytes) -> dict[str, str]:
    """Fields by their names; empty unless ``picture`` is a PNG with words in it.

    The values are as they stand there: the form's own checks say what is wrong with them.
    """
    text = text_of(picture)
    said = parse_parameters(text) if text else {}
    fields = {FIELDS[name]: said[name][:MOST_CHARACTERS] for name in FIELDS if name in said}
    return fields if fields.get("prompt") else {}


def text_of(picture: bytes) -> str:
    """As it stands there; empty unless ``picture`` is a PNG with such a text."""
    if not picture.startswith(PNG):
        return ""
    try:
        text = read_text(picture)
    except (SyntaxError, ValueError, OSError):  # damaged, and not to be painted again
        return ""
    return text if len(text) <= MOST_TEXT else ""
