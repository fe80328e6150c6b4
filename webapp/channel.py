"""One HTTP connection: waitress's, with clocks for a client that stalls, and an end in good order.

waitress renews its own timeout at every byte, so one byte every few seconds keeps a connection for
ever, and it never gives up on a client that has stopped reading. It closes a connection on what is
still arriving, so that a client who sends too much is reset before it reads why.
"""

import copy
import logging
import socket
import threading
import time
from typing import Any
from wsgiref.types import WSGIEnvironment

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask
from werkzeug.exceptions import HTTPException

from webapp.body_memory import BodyMemory
from webapp.environ import REFUSAL
from webapp.limits import Limits
from webapp.parser import StrictParser
from webapp.unread_request import UnreadRequest

log = logging.getLogger(__name__)


class Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """The app's answer to one request; a refused one is marked for it."""

    def get_environment(self) -> WSGIEnvironment:
        environ: WSGIEnvironment = super().get_environment()
        environ[REFUSAL] = self.request.refusal
        return environ


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows for how long its client has kept us waiting.

    The clocks belong to the thread of the server's loop, and do not jump with the time of day.
    ``memory`` is for the bodies of every connection.
    """

    task_class = Task
    error_task_class = UnreadRequest

    def __init__(self, *args: Any, memory: BodyMemory, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser_class = lambda adj: StrictParser(adj, memory.has_room)
        self.reading_since = self.writing_since = time.monotonic()
        self.bytes_received = 0
        self.last_seen_activity = self.last_activity
        self._memory = memory
        self._begun: StrictParser | None = None  # whose answer has begun
        self._lingers = False
        self._cutter: int | None = None  # the one thread that may still write

    def received(self, data: bytes) -> bool:
        """Called by waitress with what the client sent; a request's first byte starts its clock."""
        if self._lingers or any(request.refusal for request in list(self.requests)):
            return False
        if self.request is None:
            self.reading_since = time.monotonic()
            self.bytes_received = 0
        self.bytes_received += len(data)
        taken = bool(super().received(data))
        self._memory.settle(self)
        return taken

    @property
    def held_bytes(self) -> int:
        """The bodies of what waits, of what is being answered and of what is arriving."""
        return sum(request.held_bytes for request in [*self.requests, self.request] if request)

    def service(self) -> None:
        """Called by waitress on a thread of the pool, to answer one request."""
        super().service()
        if not self.connected:  # what waits behind it will never be asked for
            self.requests: list[StrictParser] = []
        self._memory.settle(self)

    def write_soon(self, data: Any) -> int:
        """Called by waitress with a part of the answer."""
        with self.outbuf_lock:
            if self._cutter not in (None, threading.get_ident()):
                raise ClientDisconnected
            self._begun = self.requests[0] if self.requests else None
            return int(super().write_soon(data))

    def handle_close(self) -> None:
        """Called by waitress when an answer was the last, and when the client has gone."""
        was_refused = self._begun is not None and self._begun.refusal
        if self.will_close and was_refused and not self._lingers and self._end_output():
            return
        super().handle_close()
        self.request = None
        self._memory.settle(self)

    def _end_output(self) -> bool:
        """Says so to a client who may still be sending: what it sends is thrown away until it ends.

        Closed at once, the system would reset the connection, and the answer with it.
        """
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self._lingers, self.will_close = True, False
        return True

    def cut(self, refusal: HTTPException) -> None:
        """Closes; who waits for an answer of which nothing was sent gets ``refusal`` as one."""
        request = self.requests[0] if self.requests else self.request
        if request and request.headers_finished and self._takes_over(request):
            refused = copy.copy(request)
            refused.headers = dict(request.headers)
            refused.refuse(refusal)
            self._answer(refused)
        self.handle_close()

    def _takes_over(self, request: StrictParser) -> bool:
        """From here on no other thread writes, unless one has begun."""
        with self.outbuf_lock:
            if self._begun is request or self.total_outbufs_len:
                return False
            self._cutter = threading.get_ident()
            return True

    def _answer(self, request: StrictParser) -> None:
        try:
            self.task_class(self, request).service()
            self._flush_some(do_close=False)
        except Exception:  # the others are to be told all the same
            log.exception("a request that was cut could not be told so")

    def watch(self, now: float) -> None:
        """Set back the clocks that the client is not to blame for. ``now`` is monotonic."""
        if self.requests or self.total_outbufs_len:  # our turn: nothing is due from the client
            self.reading_since = now
        # Only compared: after a minute's work the last activity is a minute old, and output stands
        # in the buffer for a moment before its first byte leaves.
        if not self.total_outbufs_len or self.last_activity != self.last_seen_activity:
            self.writing_since = now
            self.last_seen_activity = self.last_activity

    def is_late(self, now: float, limits: Limits) -> bool:
        """True when a request is overdue, or output that the client takes nothing of."""
        bought = self.bytes_received / limits.upload_bytes_per_second if self.request else 0
        return bool(
            now - self.reading_since > limits.read_deadline_seconds + bought
            or now - self.writing_since > limits.stalled_reader_seconds
        )
