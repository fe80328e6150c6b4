"""Which prompts begin a caption, as BLIP wants them, and which ask for one, as chat models do."""

from generator.request import InvalidRequest, check_prompt
from webapp.order import MOST_PREFIX

MOST_WORDS = 6
MOST_CHARACTERS = 60
# What begins otherwise asks or orders, in whatever language: "describe this", "was ist das".
BEGINNINGS = frozenset(
    ["a", "an", "the", "this", "there", "one", "two", "three", "some"]
    + ["photo", "photograph", "picture", "portrait", "drawing", "painting"]
)
ENDS = frozenset("?!.:")


def prefix_of(prompt: str) -> str:
    """A short prompt that is no question, as "a photo of"; "" for any other, which BLIP ignores."""
    words = prompt.split()
    kept = " ".join(words)
    if not 0 < len(words) <= MOST_WORDS or len(kept) > MOST_CHARACTERS or ENDS & set(kept):
        return ""
    return kept if words[0].lower() in BEGINNINGS else ""


def check_prefix(field: str, prefix: str) -> None:
    """Raises InvalidRequest for what is no text, and for more than the captioner reads."""
    check_prompt(field, prefix)
    if len(prefix) > MOST_PREFIX:
        problem = f"has {len(prefix)} characters: at most {MOST_PREFIX} are allowed."
        raise InvalidRequest(field, problem)
