"""What a program does before it loads models: pick a device, choose, fetch, say which.  [torch]"""

import sys
from argparse import Namespace
from pathlib import Path

import torch

from models_cache.catalog import Family
from models_cache.choice import Choice, Located, choose, choose_one
from models_cache.device import NoSuchDevice, pick_device
from models_cache.fetch import fetch_missing
from models_cache.layout import WrongCheckpoint
from models_cache.placement import CannotPlace, Placement, place
from models_cache.store import ModelError


class CannotStart(Exception):
    """One sentence, or more where several models are missing, ready to print."""


def choose_both(
    models: str, captioner: str | None, generator: str | None, device: str
) -> tuple[Choice, torch.device]:
    """Prints which models and why. Files, sizes and headers were checked.

    Full models and named ones are fetched first where they are missing. Raises CannotStart.
    """
    try:
        where = pick_device(device)
        has_cuda = where.type == "cuda"
        choice = choose(models, captioner, generator, has_cuda, fetch=fetch_missing)
    except (ModelError, NoSuchDevice) as error:
        raise CannotStart(str(error)) from error
    print(choice.reason, file=sys.stderr)
    return choice, where


def choose_for(family: Family, options: Namespace) -> tuple[Located, torch.device]:
    """The same for one family, from the flags of ``models_cache.flags``. Raises CannotStart."""
    name = options.captioner if family is Family.BLIP else options.generator
    try:
        where = pick_device(options.device)
        has_cuda = where.type == "cuda"
        located, reason = choose_one(options.models, family, name, has_cuda, fetch=fetch_missing)
    except (ModelError, NoSuchDevice) as error:
        raise CannotStart(str(error)) from error
    print(reason, file=sys.stderr)
    return located, where


def place_models(
    memory: str, captioner: Path | None, generator: Path | None, device: torch.device
) -> Placement:
    """Where the models in these folders go; prints the arithmetic. Raises CannotStart."""
    try:
        return place(memory, captioner, generator, device)
    except (CannotPlace, WrongCheckpoint) as error:
        raise CannotStart(str(error)) from error
