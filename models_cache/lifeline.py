"""A child process that ends with its parent, however that one ends.

The parent holds one end of a pipe, the child's stdin is the other, and nothing is ever written.
"""

import os
from threading import Thread
from typing import NoReturn

INTERRUPTED = 130


def end_with_parent() -> None:
    """For a child that was started with ``stdin=subprocess.PIPE``, from any thread."""
    Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> NoReturn:
    os.read(0, 1)  # not sys.stdin, whose lock a process that ends by itself would wait for
    os._exit(INTERRUPTED)
