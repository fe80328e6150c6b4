"""Fetches, verifies and lists checkpoints. ``scripts/download_models`` runs it."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models_cache import environment

environment.prepare(online=True)

from models_cache import advice, catalog, hub_cache, records, terminal, whole
from models_cache.advice import CannotStart, CheckpointError, Fault
from models_cache.catalog import ROLES, Checkpoint, File, in_words
from models_cache.download import Download
from models_cache.store import Store
from models_cache.terminal import INTERRUPTED


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 if something could not be fetched, is damaged or missing."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.error_to_stdout:
        terminal.end_with_parent()
    store = Store(options.folder) if options.folder else Store()
    try:
        if options.list:
            return _list(store)
        named = _named(options, store)
        if options.verify:
            return _verify(named, store)
        Download(store).make_whole(named or catalog.FULL)
    except CannotStart as error:
        return _fail(error, options.error_to_stdout)
    except KeyboardInterrupt:
        stopped = CannotStart("stopped", "What is whole is kept.")
        return _fail(stopped, options.error_to_stdout, INTERRUPTED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=advice.PROGRAM,
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
    # For the program that starts this one in a process of its own (models_cache.choose).
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--error-to-stdout", action="store_true", help=argparse.SUPPRESS)
    return parser


def _named(options: argparse.Namespace, store: Store) -> list[Checkpoint]:
    """Raises CheckpointError for what is no hub id."""
    names = {family: getattr(options, role) for family, role in ROLES.items()}
    named = [store.named(name, family) for family, name in names.items() if name]
    for checkpoint in named:
        if not checkpoint.repository:
            problem = f"{checkpoint.folder} is a folder"
            raise CheckpointError(problem, Fault.UNSUITABLE, "Name an id on the hub.")
    return named


def _fetched(store: Store) -> list[Checkpoint]:
    """Checkpoints that a download brought and that the catalog does not know."""
    known = {checkpoint.repository for checkpoint in catalog.FULL}
    return [
        store.pinned(Checkpoint(each.repository, each.family, repository=each.repository))
        for each in records.read_all(store.hub)
        if each.repository not in known
    ]


def _verify(named: Sequence[Checkpoint], store: Store) -> int:
    """Without names, verifies whatever was begun here; if nothing is, that is a failure too."""
    wanted = named or [*catalog.FULL, *_fetched(store)]
    absent: list[Exception] = []
    problems: list[Exception] = []
    for checkpoint in wanted:
        try:
            print(_verified(checkpoint, store))
        except CheckpointError as error:
            is_absent = error.fault is Fault.MISSING and not _is_begun(checkpoint, store)
            (absent if is_absent else problems).append(error)
        except OSError as error:
            problems.append(error)
    if named or len(absent) == len(wanted):
        problems += absent
    for problem in problems:
        print(f"{advice.PROGRAM}: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _is_begun(checkpoint: Checkpoint, store: Store) -> bool:
    """Whether a download has brought anything of it, whole or not."""
    repository = str(checkpoint.repository)
    is_recorded = records.path_of(store.hub, repository).exists()
    return is_recorded or any(hub_cache.snapshots(store.hub, repository, None))


def _verified(checkpoint: Checkpoint, store: Store) -> str:
    """Reads every byte of a checkpoint with a repository. Raises CheckpointError and OSError."""
    copy = store.locate(checkpoint)
    if damaged := whole.damaged(copy.folder, copy.files, checkpoint.name):
        problem = ".\n".join(damage.problem for _, damage in damaged)
        raise CheckpointError(problem, Fault.DAMAGED).advised(checkpoint)
    records.write_verified(store.hub, str(checkpoint.repository), copy.folder, copy.files)
    sentence = f"{checkpoint.name}: {in_words(copy.size_bytes)} in {copy.folder}"
    paths = (file.path for file in copy.files if not whole.expected(file, copy.folder / file.path))
    if unknown := ", ".join(paths):
        return f"{sentence} have the right form; nobody recorded the digests of {unknown}."
    return f"{sentence} are, byte for byte, what was published."


def _described(checkpoint: Checkpoint, store: Store) -> str:
    """Two lines: what it is; where it is, or how to get it."""
    title = f"{ROLES[checkpoint.family]}: {checkpoint.name}"
    try:
        copy = store.locate(checkpoint)
    except CheckpointError as error:
        return f"{title}, {advice.description(checkpoint)}\n    {error}"
    repository = str(checkpoint.repository)
    if checkpoint.folder:
        state = "in git"
    elif records.is_verified(store.hub, repository, copy.folder, copy.files):
        state = "verified"
    else:
        state = "not verified since it came or changed"
    size = (File("all of it", copy.size_bytes),)
    description = advice.description(replace(checkpoint, files=size))
    return f"{title}, {description}\n    here, {state}: {copy.folder}"


def _list(store: Store) -> int:
    for checkpoint in [*catalog.KNOWN, *_fetched(store)]:
        print(_described(checkpoint, store))
    return 0


def _fail(error: CannotStart, to_stdout: bool, code: int = 1) -> int:
    if to_stdout:
        print(json.dumps([error.problem, error.advice]))
    else:
        print(f"{advice.PROGRAM}: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    terminal.run(main)
