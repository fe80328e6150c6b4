"""A process with a simulated card: prints what each topic that is named sees there."""

import json
import sys
from pathlib import Path

from simulated_card.card import Card
from simulated_card.insertion import insert
from simulated_card.tensors import SimulatedCard


def main(guard: str, folder: str, *named: str) -> None:
    card = Card(count=2)
    insert(card, Path(guard))
    # Only now: methods of ours are decorated by torch when they are imported.
    from simulated_card import full_size, schedulers, shortage, values

    topics = {
        "values": values.see,
        "schedulers": schedulers.see,
        "shortage": shortage.see,
        "full size": full_size.see,
    }
    with SimulatedCard():
        print(json.dumps({topic: topics[topic](card, Path(folder)) for topic in named}))


if __name__ == "__main__":
    main(*sys.argv[1:])
