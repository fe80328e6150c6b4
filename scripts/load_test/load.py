"""Many clients at once, for some time."""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

from scripts.load_test.actions import MIX
from scripts.load_test.journal import Journal
from scripts.load_test.site import Site
from scripts.load_test.visitor import Visitor


def load(site: Site, clients: int, seconds: float, seed: str) -> Journal:
    """What they saw. Each ends what it does when the time is over: the jobs may go on."""
    journal, ends = Journal(), time.monotonic() + seconds

    def stay(number: int) -> None:
        visitor = Visitor(site, journal, number, Random(f"{seed} {number}"))
        while time.monotonic() < ends:
            visitor.stay(list(MIX), list(MIX.values()))

    with ThreadPoolExecutor(clients, "client") as threads:
        list(threads.map(stay, range(clients)))
    return journal
