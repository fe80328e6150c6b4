"""One HTTP request as it arrives: waitress's parser, stricter, and with a refusal for each excess.

waitress accepts a request with both a length and a chunked body, which is how one request is
smuggled past a proxy inside another. waitress answers a body that is too large in plain text; here
the app answers, with ``refusal`` in place of a body.
"""

import re
from collections.abc import Callable
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import RequestEntityTooLarge as OverLimit
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, ServiceUnavailable

_TRANSFER_ENCODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)
# A body up to this size is always taken: a form without a picture is no burden.
SMALL_BODY_BYTES = 64 * 1024
NO_ROOM = "Too many pictures are being sent at once: try again in a minute."


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Calls ``has_room`` while a body grows; False refuses the request."""

    refusal: HTTPException | None = None

    def __init__(self, adjustments: Any, has_room: Callable[[], bool]) -> None:
        super().__init__(adjustments)
        self._has_room = has_room

    def parse_header(self, header_plus: bytes) -> None:
        """Refuses a request of which two readers could see different ends (RFC 9112, 6.1)."""
        super().parse_header(header_plus)
        if not _TRANSFER_ENCODING.search(header_plus):
            return
        # waitress ignores the header if it is empty or comes with HTTP/1.0: then it is not chunked.
        if not self.chunked or "CONTENT_LENGTH" in self.headers:
            raise ParsingError("This request must not have a Transfer-Encoding")

    def received(self, data: bytes) -> int:
        """Returns how many of the bytes belong to this request."""
        consumed: int = super().received(data)
        if isinstance(self.error, OverLimit):
            self.refuse(RequestEntityTooLarge())
        elif self.held_bytes > SMALL_BODY_BYTES and not self.completed and not self._has_room():
            self.refuse(ServiceUnavailable(NO_ROOM, retry_after=60))
        return consumed

    @property
    def held_bytes(self) -> int:
        return self.body_bytes_received if self.body_rcv else 0

    def refuse(self, refusal: HTTPException) -> None:
        """Ends the request without a body; its answer is the last on this connection."""
        self.refusal = refusal
        self.error = self.body_rcv = None
        self.completed = True
        self.expect_continue = False
        self.headers |= {"CONTENT_LENGTH": "0", "CONNECTION": "close"}
