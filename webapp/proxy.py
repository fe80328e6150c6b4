"""A proxy in front: it alone is believed about its client, its scheme and its path."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.proxy_fix import ProxyFix

from webapp.client import unmapped


class BehindProxy:
    """Takes X-Forwarded-For, -Proto and -Prefix from requests that come from ``address``.

    Not X-Forwarded-Host: the proxy passes Host on, which browsers let no page forge.
    """

    def __init__(self, app: WSGIApplication, address: str) -> None:
        self._app = app
        self._forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=1)
        self._address = unmapped(address)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_proxy = unmapped(environ.get("REMOTE_ADDR", "")) == self._address
        return (self._forwarded if is_proxy else self._app)(environ, start_response)
