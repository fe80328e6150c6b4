"""A listening socket that rests while the process can open no more files.

Without a free descriptor a new connection stays in the system's queue. waitress would try to accept
it again and again, with a whole core and without a word in the log.
"""

import errno
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

log = logging.getLogger(__name__)

REMEDIES = {
    errno.EMFILE: "Raise this process's limit of open files (ulimit -n, LimitNOFILE=).",
    errno.ENFILE: "Raise this machine's limit of open files (fs.file-max).",
    errno.ENOBUFS: "This machine needs more free memory.",
    errno.ENOMEM: "This machine needs more free memory.",
}

# Then we try again: any file may have been closed meanwhile, not only a connection.
REST_SECONDS = 1.0
# A shortage that comes back sooner than this is not logged again.
QUIET_SECONDS = 60.0


class Shortage:
    """A shortage of descriptors, for all listeners of one server, in the thread of its loop.

    It is over when one of ``connections`` has closed, or after a moment.
    """

    def __init__(
        self, connections: Mapping[int, Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._began = float("-inf")
        self._count = 0

    def begin(self, error: OSError) -> None:
        now = self._clock()
        if now - self._began > QUIET_SECONDS:
            remedy = REMEDIES.get(error.errno or 0, "")
            log.error("New connections have to wait: %s. %s", error.strerror, remedy)
        self._began = now
        self._count = len(self._connections)

    @property
    def lasts(self) -> bool:
        is_fresh = self._clock() - self._began < REST_SECONDS
        return is_fresh and len(self._connections) >= self._count


class Listener(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """waitress's listener, as ``create_server`` makes it of a bound socket."""

    def __init__(
        self,
        app: WSGIApplication,
        bound: Any,
        connections: dict[int, Any],
        dispatcher: ThreadedTaskDispatcher,
        adjustments: Mapping[str, Any],
        shortage: Shortage,
    ) -> None:
        self._shortage = shortage
        super().__init__(
            app,
            connections,
            _sock=bound,
            dispatcher=dispatcher,
            adj=Adjustments(sockets=[bound], **adjustments),
            sockinfo=(bound.family, bound.type, bound.proto, bound.getsockname()),
            bind_socket=False,
        )

    def accept(self) -> Any:
        """Called by waitress when a client connects; waitress ignores any OSError."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno in REMEDIES:
                self._shortage.begin(error)
            raise

    def readable(self) -> bool:
        """Called by waitress before each turn of its loop."""
        return bool(super().readable()) and not self._shortage.lasts
