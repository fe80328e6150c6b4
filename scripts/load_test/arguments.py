"""The command line of the load test, and the plan that follows from it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.benchmarks.client import HOST
from scripts.load_test.site import NotLoopback, check_loopback

PROGRAM = "scripts/loadtest"
MAX_CLIENTS = 200  # with a crowd, as many connections as the server takes
MAX_SECONDS = 2 * 60 * 60


@dataclass(frozen=True, slots=True)
class Plan:
    """``host`` is a loopback address. ``seed`` is of what the clients do."""

    host: str
    clients: int
    seconds: int
    warm_up_seconds: int
    seed: str


def parse(arguments: Sequence[str], description: str | None) -> Plan:
    """Prints one sentence and exits with 2 if a value is wrong."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=description)
    clients, seconds = _up_to(MAX_CLIENTS), _up_to(MAX_SECONDS)
    minutes = _up_to(MAX_SECONDS // 60)
    parser.add_argument("--host", type=_loopback, default=HOST, help="(%(default)s)")
    parser.add_argument("--clients", type=clients, default=64, help="at once (%(default)s)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=seconds, default=120, help="of load (%(default)s)")
    length.add_argument("--minutes", type=minutes, help="in place of --seconds; 30 is a soak")
    text = "seconds of load before anything is compared (%(default)s)"
    parser.add_argument("--warm-up", type=seconds, default=60, help=text)
    parser.add_argument("--seed", default="0", help="of what the clients do (%(default)s)")
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("only Linux tells what a server holds.")
    length_seconds = 60 * options.minutes if options.minutes else options.seconds
    return Plan(options.host, options.clients, length_seconds, options.warm_up, options.seed)


def _loopback(text: str) -> str:
    try:
        check_loopback(text)
    except NotLoopback as error:
        raise argparse.ArgumentTypeError(f"{error}: this load is for this machine") from None
    return text


def _up_to(highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {highest}")
        return int(text)

    return read
