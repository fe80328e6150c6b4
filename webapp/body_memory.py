"""The memory that request bodies take, over all connections, and its bound."""

from threading import Lock
from typing import Protocol


class Holder(Protocol):
    @property
    def held_bytes(self) -> int: ...


class BodyMemory:
    """Keeps the held bytes from growing much above ``most_bytes``. For any thread.

    Bodies are kept in memory and not in a temporary folder, which may be small, full or missing.
    A client that sends more while there is no room is refused, which frees the bytes of its body:
    of many clients that send at once, some always succeed.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._held: dict[Holder, int] = {}
        self.held_bytes = 0

    def has_room(self) -> bool:
        return self.held_bytes < self._most_bytes

    def settle(self, holder: Holder) -> None:
        """Counts the bytes that ``holder`` holds now; forgets a holder of none."""
        with self._lock:
            held = holder.held_bytes
            self.held_bytes += held - self._held.pop(holder, 0)
            if held:
                self._held[holder] = held
