"""One HTTP connection: waitress's, with a strict parser and clocks for a client that stalls.

waitress renews its own timeout at every byte, so one byte every few seconds keeps a connection for
ever, and it never gives up on a client that has stopped reading. It also accepts a request with
both a length and a chunked body, which is how one request is smuggled past a proxy inside another.
"""

import re
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError

from webapp.limits import Limits
from webapp.unread_request import UnreadRequest

_TRANSFER_ENCODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses each request whose end two readers could see in different places (RFC 9112, 6.1)."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if not _TRANSFER_ENCODING.search(header_plus):
            return
        # Not chunked: the header was empty, or came with HTTP/1.0. waitress ignores it then.
        if not self.chunked or "CONTENT_LENGTH" in self.headers:
            raise ParsingError("This request must not have a Transfer-Encoding")


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows for how long its client has kept us waiting.

    The clocks belong to the thread of the server's loop, and do not jump with the time of day.
    """

    parser_class = StrictParser
    error_task_class = UnreadRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading_since = self.writing_since = time.monotonic()
        self.bytes_received = 0
        self.last_seen_activity = self.last_activity

    def received(self, data: bytes) -> bool:
        """Called by waitress with what the client sent; a request's first byte starts its clock."""
        if self.request is None:
            self.reading_since = time.monotonic()
            self.bytes_received = 0
        self.bytes_received += len(data)
        return bool(super().received(data))

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
