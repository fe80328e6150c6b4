"""Writing and ending of our programs, whatever becomes of their reader, user or parent."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
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


def tell(line: str) -> None:
    """Writes a line for the owner. If nobody can read it, that is no reason to fail.

    As where the log's disk is full, or its reader has gone.
    """
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr)


def write_any_name(stream: TextIO) -> None:
    """Lets names of files that are no text in this encoding leave as the bytes that they are."""
    stream.reconfigure(errors="surrogateescape")  # type: ignore[attr-defined]


def end_with_parent() -> None:
    """Makes this process end with its parent, however that one ends; call it from any thread.

    For a child that was started with ``stdin=subprocess.PIPE``: its parent holds the other end of
    that pipe, and never writes.
    """
    Thread(target=_wait_for_end, name="lifeline", daemon=True).start()


def _wait_for_end() -> NoReturn:
    os.read(0, 1)  # not sys.stdin, whose lock a process that ends by itself would wait for
    os._exit(INTERRUPTED)
