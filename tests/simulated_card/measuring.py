"""What a call does to the card."""

from collections.abc import Callable
from typing import Any

from simulated_card.card import Card


def measured(card: Card, seen: dict[str, Any], name: str, call: Callable[[], Any]) -> Any:
    """Returns what ``call`` does; writes down what it took under ``name``."""
    card.reset()
    before = card.live
    result = call()
    seen[name] = {
        "waits": dict(card.waits),
        "launches": card.launches,
        "behind": list(card.behind),
        "allocations": card.allocations,
        "peak": card.peak - before,
    }
    return result
