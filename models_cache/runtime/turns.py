"""Clients take turns: however much one has waiting, another waits for one piece of it."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")
MOST_TURNS = 1000  # that are remembered of others: each may be another client's


@dataclass
class Turns:
    """Who had the last turn, and who before. For one thread at a time."""

    _count: int = 0
    _latest: dict[Hashable, int] = field(default_factory=dict)  # the number of each one's last turn

    def in_order(self, waiting: Iterable[Item], client: Callable[[Item], Hashable]) -> list[Item]:
        """As they will have their turns, if nobody else comes: one of each client, then the next.

        The client whose last turn is longest ago begins; of new ones, who came first. Those of one
        client stay in their own order.
        """
        places: list[tuple[tuple[int, int, int], Item]] = []
        begun: Counter[Hashable] = Counter()
        came: dict[Hashable, int] = {}
        for number, item in enumerate(waiting):
            who = client(item)
            place = begun[who], self._latest.get(who, 0), came.setdefault(who, number)
            places.append((place, item))
            begun[who] += 1
        return [item for _, item in sorted(places, key=lambda each: each[0])]

    def took(self, clients: Sequence[Hashable]) -> None:
        """Takes note of turns, in their order."""
        for who in clients:
            self._count += 1
            self._latest[who] = self._count

    def keep(self, clients: set[Hashable]) -> None:
        """Forgets others, but for those who had a turn after any of these had its last.

        Else two that ask for one piece after the other would be new each time, and come first.
        """
        first = min((self._latest.get(who, 0) for who in clients), default=self._count)
        first = max(first, self._count - MOST_TURNS)
        self._latest = {
            who: turn for who, turn in self._latest.items() if who in clients or turn > first
        }
