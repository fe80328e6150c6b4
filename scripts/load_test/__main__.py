"""Loads a server of its own on this machine with clients of every kind, and judges what is left.

The clients use the page and the API, make mistakes, and leave at every moment. Ends with exit code
1 and a sentence for each broken promise: an answer that nobody may get, a thread, a descriptor or a
job that is left, memory that grew. On Linux only.
"""

import sys
from collections.abc import Sequence

from models_cache import environment, terminal

environment.prepare()

from scripts.benchmarks.server_process import ServerFailed
from scripts.load_test.arguments import PROGRAM, parse
from scripts.load_test.measurement import measure
from scripts.load_test.outcome import broken_promises
from scripts.load_test.report import to_markdown


def main(arguments: Sequence[str]) -> int:
    plan = parse(arguments, __doc__)
    try:
        outcome = measure(plan)
    except ServerFailed as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(to_markdown(outcome))
    broken = broken_promises(outcome)
    for sentence in broken:
        print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    terminal.run(main)
