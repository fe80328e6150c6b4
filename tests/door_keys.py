"""A server's keys, and what holders of them send."""

from base64 import b64encode
from pathlib import Path

from webapp.keys import Keys

ANNA = "a-key-of-anna-0123456789"
BERT = "~!#$%&/a-key=of-bert"


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def door_keys() -> Keys:
    return Keys(Path("keys"), {"anna": ANNA, "bert": BERT})


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def basic(key: str, name: str = "anybody") -> dict[str, str]:
    sent = b64encode(f"{name}:{key}".encode()).decode()
    return {"Authorization": f"Basic {sent}"}
