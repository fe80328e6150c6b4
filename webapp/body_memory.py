"""How many bytes of request bodies are in memory, over all connections."""

from threading import Lock
from typing import Protocol


class Holder(Protocol):
    @property
    def held_bytes(self) -> int: ...


class BodyMemory:
    """For any thread. It is never much more than ``most_bytes`` that are held.

    Bodies are kept in memory and not in a temporary folder, which may be small, full or missing.
    Who sends more while there is no room is refused; that frees what was held for them, so that of
    many who send at once some always come through.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._held: dict[Holder, int] = {}
        self.held_bytes = 0

    def has_room(self) -> bool:
        return self.held_bytes < self._most_bytes

    def settle(self, holder: Holder) -> None:
        """Takes note of what this one holds by now. Forgets who holds nothing."""
        with self._lock:
            held = holder.held_bytes
            self.held_bytes += held - self._held.pop(holder, 0)
            if held:
                self._held[holder] = held
