"""The limits on what clients may cost us, and waitress's names for them."""

import sys
from dataclasses import dataclass
from typing import Any

_NEVER = 2**62  # bytes
_DESCRIPTORS = 4096  # a connection needs up to three, and models and libraries hold files open


@dataclass(frozen=True)
class Limits:
    """The figures behind the defaults were measured on waitress 3.0.2."""

    # Each open stream and each call that waits for its image holds one. 256 cost 4 MB.
    threads: int = 256
    # At waitress's own 100, 150 idle connections were enough to shut out all others.
    connection_limit: int = 1000
    # For a whole request to arrive, and for an idle connection to be kept.
    read_deadline_seconds: float = 30
    # Received bytes extend it at this rate, so that a large photo over a slow line arrives.
    upload_bytes_per_second: int = 16 * 1024
    # But never so far that a sender may be silent for longer: what it has sent is held meanwhile.
    silent_sender_seconds: float = 60
    # If the buffer below is full, a client that stops reading holds a thread for so long.
    stalled_reader_seconds: float = 30
    # From stop() until running requests are cut. Let a supervisor wait longer than this.
    drain_seconds: float = 30
    # A larger body is not read: the app is asked to refuse it. Let the app's own limit be half of
    # this: a body between the two is read to its end.
    max_request_body_bytes: int = 64 * 1024 * 1024
    # Of all clients together, in memory: two dozen of the largest pictures, unless the owner allows
    # larger ones. The app's own copies come on top, about twice as much.
    held_bodies_bytes: int = 512 * 1024 * 1024
    # waitress's own 256 KiB is far more than any browser sends.
    max_request_header_bytes: int = 32 * 1024
    # How far an app may be ahead of its client: the memory that a client holds by not reading.
    response_buffer_bytes: int = 2 * 1024 * 1024

    def adjustments(self) -> dict[str, Any]:
        """Keyword arguments for ``waitress.create_server``. Deadlines are not among them."""
        return {
            "connection_limit": self.connection_limit,
            # waitress refuses a size that equals its limit; we allow ours.
            "max_request_body_size": self.max_request_body_bytes + 1,
            "max_request_header_size": self.max_request_header_bytes + 1,
            "outbuf_high_watermark": self.response_buffer_bytes,
            # No temporary files: with a small or full disk they would cost a photo or a finished
            # image. Bodies are bounded by BodyMemory, and answers by the watermark above.
            "inbuf_overflow": _NEVER,
            "outbuf_overflow": _NEVER,
            # Read on while a request runs: otherwise a client that leaves is never noticed.
            "channel_request_lookahead": 1,
            # A day, which means never: Channel has better clocks than this one.
            "channel_timeout": 24 * 60 * 60,
            # webapp/proxy.py says whose X-Forwarded headers are believed.
            "clear_untrusted_proxy_headers": False,
            "expose_tracebacks": False,
            "log_socket_errors": False,
            "ident": None,
        }


def raise_descriptor_limit() -> None:
    """Lets this process open as many files as our limits may need, if the system allows it."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
