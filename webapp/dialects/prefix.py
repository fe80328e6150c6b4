"""Which prompts begin a caption, as BLIP wants them, and which ask for one, as chat models do."""

MOST_WORDS = 6
# What begins otherwise asks or orders, in whatever language: "describe this", "was ist das".
BEGINNINGS = frozenset(
    ["a", "an", "the", "this", "there", "one", "two", "three", "some"]
    + ["photo", "photograph", "picture", "portrait", "drawing", "painting"]
)
ENDS = frozenset("?!.:")


def prefix_of(prompt: str) -> str:
    """A short prompt that is no question, as "a photo of"; "" for any other, which BLIP ignores."""
    words = prompt.split()
    if not 0 < len(words) <= MOST_WORDS or ENDS & set(prompt):
        return ""
    return " ".join(words) if words[0].lower() in BEGINNINGS else ""
