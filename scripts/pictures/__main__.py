"""Uploads Pillow's own test images to a server with the demo models, many at once, in rounds."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models_cache import environment, terminal

environment.prepare()

from models_cache.runtime.device import usable_cores
from scripts.benchmarks import client
from scripts.benchmarks.arguments import positive
from scripts.benchmarks.machine import cpu_name, memory_gib
from scripts.benchmarks.server_process import ServerFailed, serving
from scripts.pictures.figures import to_markdown, with_figures
from scripts.pictures.rounds import Round, upload_all
from scripts.pictures.source import NoPictures, pictures

PROGRAM = "scripts/try_pictures"
DOC = Path(__file__).parents[2] / "docs" / "pictures.md"


def main(arguments: Sequence[str]) -> int:
    options = _parse(arguments)
    try:
        held_before, rounds = _measure(options.at_once, options.rounds)
    except (NoPictures, ServerFailed) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    machine = f"{cpu_name()}, {usable_cores()} cores, {memory_gib()} GiB"
    figures = f"{options.at_once} at once; {machine}.\n\n{to_markdown(held_before, rounds)}"
    print(figures)
    if options.write:
        DOC.write_text(with_figures(DOC.read_text("utf-8"), figures), "utf-8")
    wrong = [answer for each in rounds for answer in each.others]
    for answer in wrong:
        print(f"{PROGRAM}: {answer.name}: {answer.status or 'no answer'}", file=sys.stderr)
    return 1 if wrong else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=f"{__doc__} On Linux only.")
    parser.add_argument("--at-once", type=positive, default=100, metavar="N")
    parser.add_argument("--rounds", type=positive, default=2, metavar="N")
    parser.add_argument("--write", action="store_true", help=f"the figures into docs/{DOC.name}")
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("only Linux tells what a server holds in memory.")
    return options


def _measure(at_once: int, rounds: int) -> tuple[int, list[Round]]:
    """The memory that the server holds before the first round, and what came of each."""
    files = list(pictures())
    with serving(["--models=demo"]) as server:
        client.wait_until_ready(server.page_port)
        held_before = server.held_bytes()
        return held_before, [upload_all(server, files, at_once) for _ in range(rounds)]


if __name__ == "__main__":
    terminal.run(main)
