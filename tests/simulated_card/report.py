"""A process with a simulated card: prints what parts of scripts/gpu_report find there."""

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import torch

from simulated_card.card import Card
from simulated_card.insertion import insert
from simulated_card.tensors import SimulatedCard


def main(guard: str, root: str, *parts: str) -> None:
    card = Card()
    insert(card, Path(guard))
    tell_more_of(card)
    # Only now: methods of ours are decorated by torch when they are imported.
    from scripts.gpu_reports.subject import Subject

    with SimulatedCard():
        subject = Subject("tiny", torch.device("cuda"), Path(root))
        found = {
            name: list(import_module(f"scripts.gpu_reports.{name}").measure(subject))
            for name in parts
        }
    print(json.dumps({name: [asdict(each) for each in all_] for name, all_ in found.items()}))


def tell_more_of(card: Card) -> None:
    """What nothing but the report asks of a card."""
    properties = SimpleNamespace(name="a simulated card", major=8, minor=6, multi_processor_count=1)
    for name, stand_in in {
        "get_device_name": lambda device=None: properties.name,
        "get_device_properties": lambda device=None: properties,
        "max_memory_allocated": lambda device=None: card.peak,
        "max_memory_reserved": lambda device=None: card.peak,
        "reset_peak_memory_stats": lambda device=None: card.reset(),
        "set_sync_debug_mode": lambda mode: None,
    }.items():
        setattr(torch.cuda, name, stand_in)


if __name__ == "__main__":
    main(*sys.argv[1:])
