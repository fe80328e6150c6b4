"""The answer to a request that waitress cannot read, in the form of the app's own errors."""

import json
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from webapp.access import REQUEST_ID, Access
from webapp.errors import SENTENCES
from webapp.guards import HEADERS
from webapp.logs import log_request

UNREAD = SENTENCES | {
    431: "The address and the headers of this request are too long: 32 kB together at most.",
    501: "This server reads no Transfer-Encoding but chunked.",
}
ADDRESS = "An address has no spaces, and no letters that are not percent-encoded."


class UnreadRequest(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """JSON ``{"error", "field"}`` for programs, the bare sentence for people; then closes."""

    def execute(self) -> None:
        """Called by waitress on a thread of the pool."""
        error, access = self.request.error, Access(status=self.request.error.code)
        body, mimetype = message_of(error), "text/plain; charset=utf-8"
        if wants_json(self.request):
            body, mimetype = json.dumps({"error": body, "field": None}), "application/json"
        content = f"{body}\n".encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", mimetype), *HEADERS.items()]
        self.response_headers.append((REQUEST_ID, access.request_id))
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)
        access.bytes, access.client = len(content), self.channel.addr[0]
        log_request(access)


def message_of(error: Any) -> str:
    """The sentence for the client about one of waitress's errors."""
    if told := UNREAD.get(error.code):
        return told
    advice = f" {ADDRESS}" if error.body in ("Start line is invalid", "Bad URI") else ""
    return f"This request cannot be read: {error.body}.{advice}"


def wants_json(request: HTTPRequestParser) -> bool:
    """Does what ``errors.wants_json`` does, by the part that was read of too long headers."""
    start = request.header_plus or getattr(request, "first_line", b"")
    path = start.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
    accept = parse_accept_header(request.headers.get("ACCEPT"), MIMEAccept)
    return path.strip(b"/") == b"generate-image" or accept["application/json"] > accept["text/html"]
