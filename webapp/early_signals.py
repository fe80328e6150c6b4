"""What SIGTERM and SIGINT do until there is a server that can drain: they end the process.

Left alone, a process that is the first of its container does not see SIGTERM at all, and another
ends in the middle of an import with a traceback. ``webapp.server.stop_on_signals`` takes over.
"""

import os
import signal
from typing import NoReturn


def end_at_once() -> None:
    """From here on, with the exit codes that a shell tells: 143 and 130. For the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(number: int, _: object) -> NoReturn:
    # No exception: what is being imported might catch it. Nothing is lost, as nobody is served yet,
    # and a download in a child process ends with this one.
    os._exit(128 + number)
