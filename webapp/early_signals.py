"""Ends the process on SIGTERM and SIGINT, until there is a server that can drain.

By default the first process of a container does not see SIGTERM at all, and Ctrl-C ends an import
with a traceback. Later ``webapp.server.stop_on_signals`` takes over.
"""

import os
import signal
from typing import NoReturn


def end_at_once() -> None:
    """Sets both handlers; the exit codes are 143 and 130, as in a shell. For the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(number: int, _: object) -> NoReturn:
    # Not by an exception, which a module that is being imported might catch. No request is lost, as
    # none is served yet, and a download in a child process ends with this one.
    os._exit(128 + number)
