"""What a request was and what became of it, from its first word to the last byte of its answer."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Request, g

from webapp.client import address
from webapp.environ import ACCESS

REQUEST_ID = "X-Request-Id"
# Clients may invent others without end.
METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}
OTHER = "OTHER"
UNKNOWN = "unknown"


@dataclass(slots=True)
class Access:
    """``route`` is the endpoint, as jobs.show; ``client`` the name of a key, or an address."""

    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    method: str = OTHER
    route: str = UNKNOWN
    status: int = 0
    bytes: int = 0
    client: str = ""
    began: float = field(default_factory=time.monotonic)

    def fields(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "ms": round(1000 * (time.monotonic() - self.began)),
            "bytes": self.bytes,
            "client": self.client,
            "request_id": self.request_id,
        }


class AccessLog:
    """Names each request, in a header of its answer too, and hands it to ``log`` at its end."""

    def __init__(self, app: WSGIApplication, log: Callable[[Access], None]) -> None:
        self._app = app
        self._log = log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        access = environ[ACCESS] = Access()

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            access.status = int(status[:3])
            return start_response(status, [*headers, (REQUEST_ID, access.request_id)], *error)

        return _Answer(self._app(environ, start), access, self._log)


class _Answer:
    """The parts of an answer, counted as they are taken."""

    def __init__(
        self, parts: Iterable[bytes], access: Access, log: Callable[[Access], None]
    ) -> None:
        self._parts = parts
        self._access = access
        self._log = log

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._access.bytes += len(part)
            yield part

    def close(self) -> None:
        """Called by the server after the last part, or once the client has left."""
        try:
            if hasattr(self._parts, "close"):
                self._parts.close()
        finally:
            self._log(self._access)


def access_of(request: Request) -> Access:
    return cast(Access, request.environ[ACCESS])


def method_and_route(request: Request) -> tuple[str, str]:
    """Of few words: both are fit for labels."""
    method = request.method if request.method in METHODS else OTHER
    return method, request.endpoint or UNKNOWN


def client_name() -> str:
    """Who asks the current request: the name of the key, or without one the address."""
    return g.get("key_name") or address()
