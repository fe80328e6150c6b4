"""A process with a simulated card: prints what parts of scripts/gpu_report find there."""

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import torch

from simulated_card.card import Card
from simulated_card.insertion import insert
from simulated_card.tensors import SimulatedCard


def main(guard: str, root: str, *parts: str) -> None:
    card = Card()
    insert(card, Path(guard))
    # Only now: methods of ours are decorated by torch when they are imported.
    from scripts.gpu_reports.subject import Subject

    with SimulatedCard():
        subject = Subject("tiny", torch.device("cuda"), Path(root))
        found = {
            name: list(import_module(f"scripts.gpu_reports.{name}").measure(subject))
            for name in parts
        }
    print(json.dumps({name: [asdict(each) for each in all_] for name, all_ in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
