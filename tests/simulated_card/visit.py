"""A process with a simulated card: prints what ``job`` sees in each configuration that is named."""

import json
import sys
from pathlib import Path

from simulated_card.card import Card, SimulatedCard, insert


def main(guard: str, *names: str) -> None:
    card = Card(count=2)
    insert(card, Path(guard))
    # Only now: methods of ours are decorated by torch when they are imported.
    from simulated_card.job import CONFIGURATIONS, visit

    with SimulatedCard():
        print(json.dumps({name: visit(card, CONFIGURATIONS[name]) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
