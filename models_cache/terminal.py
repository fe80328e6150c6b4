"""How a command line of ours writes and ends, whoever reads it."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

READER_LEFT = 128 + 13  # as a shell says of a program that SIGPIPE ended
INTERRUPTED = 128 + 2


def run(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Exits with what ``main`` returns for the arguments; quietly if its reader or user left."""
    write_any_name(sys.stdout)
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be tried once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_LEFT
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


def write_any_name(stream: TextIO) -> None:
    """A file's name that is no text in this encoding leaves as the bytes that it is."""
    stream.reconfigure(errors="surrogateescape")  # type: ignore[attr-defined]
