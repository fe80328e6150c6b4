"""waitress, wrapped: several ports and one app, limits, deadlines, and an end that loses nothing.

    sockets = bind("127.0.0.1", [8000, 5000])      # before models are loaded: fail early
    server = Server(app, sockets, is_busy=jobs.are_awaited)
    stop_on_signals(server)
    code = server.run()

waitress reads requests and sends answers in one loop and calls the app in a pool of threads, so a
slow client costs a connection and not a thread. Left alone it ends at once on SIGTERM and cuts what
runs; here ``stop`` begins a drain. During the drain the server still listens, since clients ask for
their results on new connections, and each request carries ``environ[DRAINING]``: the app
answers 503 to new work and goes on serving what it has.

The app words the server's own refusals: a refused request comes without its body, and
``environ[REFUSAL]`` is the ``HTTPException`` to raise. It is None for all other requests. The
server refuses a body over the limit, a body for which all bodies together leave no room, and, at
the end of the drain, each request that still has no answer. The app answers those last ones in the
server's own thread, where it must not wait for anything.

Inside waitress we use: ``TcpWSGIServer`` (``accept``, ``readable``), ``channel_class``,
``wasyncore.loop`` and ``close_all``, ``pull_trigger``, ``ThreadedTaskDispatcher``
(``set_thread_count``, ``shutdown``, ``lock``, ``queue``, ``active_count``), ``WSGITask``
(``get_environment``, ``environ``, ``service``), ``ErrorTask`` (``execute``), ``HTTPChannel``
(``task_class``, ``error_task_class``, ``parser_class``, ``received``, ``service``, ``write_soon``,
``request``, ``requests``, ``connected``, ``will_close``, ``outbuf_lock``, ``total_outbufs_len``,
``last_activity``, ``handle_close``, ``_flush_some``) and ``HTTPRequestParser`` (``parse_header``,
``received``, ``completed``, ``error``, ``body_rcv``, ``body_bytes_received``, ``expect_continue``,
``chunked``, ``path``, ``headers``, ``headers_finished``, ``header_plus``, ``first_line``).
waitress is pinned, and the tests of the server fail if one of these changes its meaning.

Not covered: TLS; more than ``connection_limit`` patient attackers (put a proxy in front); clients
that close their sending side before the answer, which count as gone.
"""

import contextlib
import errno
import functools
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress import wasyncore
from waitress.task import ThreadedTaskDispatcher
from werkzeug.exceptions import ServiceUnavailable

from models_cache.runtime.model_thread import STOPPING
from webapp.body_memory import BodyMemory
from webapp.channel import Channel
from webapp.environ import DRAINING
from webapp.limits import Limits, raise_descriptor_limit
from webapp.listener import Listener, Shortage

FINISHED = 0
CUT = 3

# The loop wakes for traffic and for stop. It may notice anything else this late: the deadline of a
# client, or the end of a last job that no request waits for.
_TURN_SECONDS = 0.25
# By default the system keeps up to 4 MB of an answer and takes more only after a third of it has
# left: a slow reader would look like a stalled one. Connections inherit this from the listener.
_SEND_BUFFER_BYTES = 256 * 1024


class CannotListen(OSError):
    """The port cannot be had: in use, not allowed, or at an address that is not ours."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        super().__init__(error.errno, reason)
        self.host = host
        self.port = port

    @property
    def is_of_port(self) -> bool:
        """Whether another port may be had at the same address."""
        return self.errno in (errno.EADDRINUSE, errno.EACCES)

    def __str__(self) -> str:
        return f"cannot listen on {self.host} port {self.port}: {self.strerror}"


def bind(host: str, ports: Iterable[int]) -> list[socket.socket]:
    """A listening socket for each port (0: any free one). Raises CannotListen and keeps none.

    They listen at once: two sockets could be bound to one port, and the slower of two servers would
    learn of the other only after its models are loaded. A client that connects before
    ``Server.run`` waits.
    """
    with contextlib.ExitStack() as undo:
        sockets = [undo.enter_context(_listen(host, port)) for port in ports]
        undo.pop_all()
        return sockets


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # All addresses of this machine are also those of IPv4, which most of a home's devices use.
    is_dual = host == "::" and socket.has_dualstack_ipv6()
    try:
        bound = socket.create_server((host, port), family=family, dualstack_ipv6=is_dual)
    except OSError as error:
        raise CannotListen(host, port, error) from error
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return bound


class Server:
    """Serves ``app`` on ``sockets``, which it owns, until ``stop``.

    ``is_busy`` is called during the drain only, by the thread in ``run``: True while there is work
    to finish that no open request waits for.
    """

    def __init__(
        self,
        app: WSGIApplication,
        sockets: Sequence[socket.socket],
        limits: Limits | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.ports: list[int] = [bound.getsockname()[1] for bound in sockets]
        self._app = app
        self._limits = limits or Limits()
        self._is_busy = is_busy
        self._stops: list[float] = []
        self._is_open = True
        # Re-entrant: a signal handler calls stop() in the very thread that it interrupts.
        self._lock = threading.RLock()
        self._connections: dict[int, Any] = {}
        self._memory = BodyMemory(self._limits.held_bodies_bytes)
        self._shortage = Shortage(self._connections)
        self._dispatcher = ThreadedTaskDispatcher()
        self._next_look = 0.0
        for bound in sockets:
            self._accept_on(bound)

    def _accept_on(self, bound: socket.socket) -> None:
        self._listener = Listener(
            self._answer,
            bound,
            self._connections,
            self._dispatcher,
            self._limits.adjustments(),
            self._shortage,
        )
        self._listener.channel_class = functools.partial(
            Channel, memory=self._memory, limits=self._limits
        )

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[DRAINING] = self.draining
        return self._app(environ, start_response)

    @property
    def draining(self) -> bool:
        """True from the first ``stop`` on."""
        return bool(self._stops)

    @property
    def is_pressed(self) -> bool:
        """True from the second ``stop`` on."""
        return len(self._stops) > 1

    def stop(self) -> None:
        """Begins the drain; a second call ends it at once. From any thread or signal handler."""
        self._stops.append(time.monotonic())
        with self._lock:
            if self._is_open:
                self._listener.pull_trigger()

    def run(self) -> int:
        """Serves in the calling thread. FINISHED, or CUT if requests or work were cut short."""
        raise_descriptor_limit()
        self._dispatcher.set_thread_count(self._limits.threads)
        try:
            while self._goes_on():
                wasyncore.loop(_TURN_SECONDS, use_poll=True, map=self._connections, count=1)
                self._close_late_connections()
            return CUT if self._has_work() else FINISHED
        finally:
            self._close()

    def _goes_on(self) -> bool:
        if not self._stops:
            return True
        if self.is_pressed or time.monotonic() > self._stops[0] + self._limits.drain_seconds:
            return False
        return self._has_work()

    def _has_work(self) -> bool:
        return self._has_requests() or self._is_busy()

    def _has_requests(self) -> bool:
        """True while a request is queued or running, or its answer is not yet sent in full.

        Idle connections and requests that are still arriving do not count.
        """
        with self._dispatcher.lock:
            if self._dispatcher.queue or self._dispatcher.active_count:
                return True
        return any(channel.total_outbufs_len for channel in self._channels())

    def _channels(self) -> list[Channel]:
        # A copy, because a thread of the pool may close its connection meanwhile.
        return [each for each in list(self._connections.values()) if isinstance(each, Channel)]

    def _close_late_connections(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TURN_SECONDS
        for channel in self._channels():
            channel.watch(now)
            if channel.is_late(now):
                channel.handle_close()

    def _close(self) -> None:
        with self._lock:
            self._is_open = False
        # Before the pool: this wakes threads that wait for their client to read.
        for channel in self._channels():
            channel.cut(ServiceUnavailable(STOPPING, retry_after=60))
        # Idle threads leave at once. One that is still in the app leaves when the app returns.
        self._dispatcher.shutdown(timeout=0 if self._has_requests() else 5)
        wasyncore.close_all(self._connections)


def stop_on_signals(server: Server) -> None:
    """The first SIGTERM or SIGINT drains, the second ends at once. For the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
