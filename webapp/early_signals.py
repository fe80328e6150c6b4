"""Ends the process on SIGTERM and SIGINT, until there is a server that can drain; and SIGHUP.

By default the first process of a container does not see SIGTERM at all, and Ctrl-C ends an import
with a traceback. Later ``webapp.server.stop_on_signals`` takes over.
"""

import os
import signal
from collections.abc import Callable
from typing import NoReturn


def end_at_once() -> None:
    """Sets the handlers; exit codes are 143, 130 and 129, as in a shell. For the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    on_hangup(lambda: _end(signal.SIGHUP), ignore)


def on_hangup(stop: Callable[[], None], reread: Callable[[], None]) -> None:
    """SIGHUP stops if it means that our terminal was closed, else it rereads. Main thread."""
    had_terminal = os.isatty(0)

    def hang_up(*_: object) -> None:
        (stop if had_terminal and not os.isatty(0) else reread)()

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, hang_up)


def ignore() -> None:
    """There is nothing to read again, as while the server has not begun."""


def _end(number: int, _: object = None) -> NoReturn:
    # Not by an exception, which a module that is being imported might catch. No request is lost, as
    # none is served yet, and a download in a child process ends with this one.
    os._exit(128 + number)
