"""One HTTP connection: waitress's, with deadlines for clients that stall, and an orderly close.

waitress renews its own timeout at every byte, so one byte every few seconds keeps a connection for
ever, and it never gives up on a client that has stopped reading. It closes a connection while data
still arrive: a client that sends too much is reset before it reads why.
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
from webapp.environ import ACCESS, REFUSAL
from webapp.limits import Limits
from webapp.parser import StrictParser
from webapp.unread_request import UnreadRequest

log = logging.getLogger(__name__)


class Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """The app's answer to one request. Hands the app the refusal of a refused one."""

    def get_environment(self) -> WSGIEnvironment:
        environ: WSGIEnvironment = super().get_environment()
        environ[REFUSAL] = self.request.refusal
        return environ

    def service(self) -> None:
        """Called by waitress, which logs the path of what fails: it may be the address of a job."""
        try:
            super().service()
        finally:
            access = (self.environ or {}).get(ACCESS)
            self.request.path = f"request {access.request_id}" if access else "a request"


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that measures how long its client has kept us waiting.

    The times are monotonic, and for the thread of the server's loop alone. ``memory`` counts the
    bodies of all connections.
    """

    task_class = Task
    error_task_class = UnreadRequest

    def __init__(self, *args: Any, memory: BodyMemory, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser_class = lambda adj: StrictParser(adj, memory.has_room)
        self.writing_since = time.monotonic()
        self.read_by = self.writing_since + limits.read_deadline_seconds
        self.last_seen_activity = self.last_activity
        self._memory = memory
        self._limits = limits
        self._begun: StrictParser | None = None  # the request whose answer has begun
        self._lingers = False
        self._cutter: int | None = None  # the one thread that may still write

    def received(self, data: bytes) -> bool:
        """Called by waitress with data from the client, which has some time for what follows."""
        if self._lingers or any(request.refusal for request in list(self.requests)):
            return False
        now = time.monotonic()
        if self.request is None:
            self.read_by = now + self._limits.read_deadline_seconds
        bought = len(data) / self._limits.upload_bytes_per_second
        self.read_by = min(self.read_by + bought, now + self._limits.silent_sender_seconds)
        taken = bool(super().received(data))
        self._memory.settle(self)
        return taken

    @property
    def held_bytes(self) -> int:
        """The bytes of all bodies: of requests that wait, are being answered or are arriving."""
        return sum(request.held_bytes for request in [*self.requests, self.request] if request)

    def service(self) -> None:
        """Called by waitress on a thread of the pool, to answer one request."""
        super().service()
        if not self.connected:  # the requests behind it will not be answered
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
        """Called by waitress after the last answer, and when the client has gone."""
        was_refused = self._begun is not None and self._begun.refusal
        if self.will_close and was_refused and not self._lingers and self._end_output():
            return
        super().handle_close()
        self.request = None
        self._memory.settle(self)

    def _end_output(self) -> bool:
        """Closes our side; data that the client still sends are thrown away. False if it has gone.

        If both sides were closed, the system would reset the connection and lose the answer.
        """
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self._lingers, self.will_close = True, False
        return True

    def cut(self, refusal: HTTPException) -> None:
        """Closes. If nothing of a request's answer was sent, ``refusal`` is its answer."""
        request = self.requests[0] if self.requests else self.request
        if request and request.headers_finished and self._takes_over(request):
            refused = copy.copy(request)
            refused.headers = dict(request.headers)
            refused.refuse(refusal)
            self._answer(refused)
        self.handle_close()

    def _takes_over(self, request: StrictParser) -> bool:
        """Keeps all other threads from writing. False if an answer has begun."""
        with self.outbuf_lock:
            if self._begun is request or self.total_outbufs_len:
                return False
            self._cutter = threading.get_ident()
            return True

    def _answer(self, request: StrictParser) -> None:
        try:
            self.task_class(self, request).service()
            self._flush_some(do_close=False)
        except Exception:  # the other connections still need their answers
            log.exception("a request that was cut could not be told so")

    def watch(self, now: float) -> None:
        """Resets each time that passes by no fault of the client's. ``now`` is monotonic."""
        if self.requests or self.total_outbufs_len:  # our turn: the client owes us nothing
            self.read_by = now + self._limits.read_deadline_seconds
        # The last activity is compared, and not taken for the start: after a minute's work it is a
        # minute old, and output stands in the buffer for a moment before its first byte leaves.
        if not self.total_outbufs_len or self.last_activity != self.last_seen_activity:
            self.writing_since = now
            self.last_seen_activity = self.last_activity

    def is_late(self, now: float) -> bool:
        """True if the client is late with its request, or reads nothing of our output."""
        reads_nothing = now - self.writing_since > self._limits.stalled_reader_seconds
        return now > self.read_by or reads_nothing
