"""Fetches, verifies and lists checkpoints. ``scripts/download_models`` runs it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models_cache import environment, terminal

environment.prepare(online=True)

from models_cache import catalog, inventory, lifeline, remedy, size
from models_cache.catalog import ROLES, Checkpoint
from models_cache.download import CannotFetch, Download
from models_cache.lifeline import INTERRUPTED
from models_cache.store import MissingModel, ModelError, Store


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 where something could not be fetched, is damaged or missing."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.sentence_to_stdout:
        lifeline.end_with_parent()
    store = Store(options.folder) if options.folder else Store()
    try:
        if options.list:
            return _list(store)
        named = _named(options, store)
        if options.verify:
            return _verify(named, store)
        Download(store).make_whole(named or catalog.FULL)
    except (CannotFetch, ModelError) as error:
        return _fail(error, options.sentence_to_stdout)
    except KeyboardInterrupt:
        return _fail("stopped. What is whole is kept.", options.sentence_to_stdout, INTERRUPTED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=remedy.PROGRAM,
        description="Fetches BLIP-large and SDXL-base from the Hugging Face hub, once. What is here"
        " already is checked, byte for byte, and what is damaged is fetched again.",
        epilog="For repositories that ask for it, set HF_TOKEN to an access token of the hub.",
    )
    for family, role in ROLES.items():
        text = f"a {family.value} checkpoint by its hub id; then only what is named is fetched"
        parser.add_argument(f"--{role}", metavar="ID", help=text)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--verify", action="store_true", help="check what is here, and fetch nothing")
    only.add_argument("--list", action="store_true", help="say what is known and what is here")
    # For the program that starts this one in a process of its own (models_cache.fetch).
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sentence-to-stdout", action="store_true", help=argparse.SUPPRESS)
    return parser


def _named(options: argparse.Namespace, store: Store) -> list[Checkpoint]:
    """Raises ModelError for what is no hub id."""
    names = {family: getattr(options, role) for family, role in ROLES.items()}
    named = [store.named(name, family) for family, name in names.items() if name]
    for checkpoint in named:
        if not checkpoint.repository:
            raise ModelError(f"{checkpoint.folder} is a folder. Name an id on the hub.")
    return named


def _verify(named: Sequence[Checkpoint], store: Store) -> int:
    """Without names, whatever is here; that nothing is, is a failure too."""
    wanted = named or [*catalog.FULL, *inventory.fetched(store)]
    missing: list[MissingModel] = []
    problems: list[Exception] = []
    for checkpoint in wanted:
        try:
            print(_whole(checkpoint, inventory.verify(checkpoint, store)))
        except MissingModel as error:
            missing.append(error)
        except (ModelError, OSError) as error:
            problems.append(error)
    if named or len(missing) == len(wanted):
        problems += missing
    for problem in problems:
        print(f"{remedy.PROGRAM}: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _whole(checkpoint: Checkpoint, verified: inventory.Verified) -> str:
    sentence = f"{checkpoint.name}: {size.in_words(verified.size_bytes)} in {verified.copy}"
    if verified.unknown:
        files = ", ".join(verified.unknown)
        return f"{sentence} have the right form; nobody recorded the digests of {files}."
    return f"{sentence} are, byte for byte, what was published."


def _list(store: Store) -> int:
    for checkpoint in [*catalog.KNOWN, *inventory.fetched(store)]:
        print(inventory.describe(checkpoint, store))
    return 0


def _fail(sentence: object, to_stdout: bool, code: int = 1) -> int:
    if to_stdout:
        print(sentence)
    else:
        print(f"{remedy.PROGRAM}: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    terminal.run(main)
