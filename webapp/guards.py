"""Lets our own page call, and programs, and no page of another site; with a key, if there are any.

Not covered: other users of this machine, if the server was started without a key file.
"""

from flask import Flask, Request, Response, request
from werkzeug.exceptions import Forbidden, MisdirectedRequest, ServiceUnavailable

from models_cache.runtime.model_thread import STOPPING
from webapp.door import check_key
from webapp.environ import DRAINING, REFUSAL
from webapp.hosts import Hosts, host_name

# Our pages load nothing but what we serve, and no page may frame them.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; style-src 'self';"
    " script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


# What can only end work.
ENDS = {"jobs.cancel", "jobs.delete", "jobs.delete_all"}
ENDS |= {"automatic1111.progress.interrupt", "automatic1111.progress.skip"}
# By whatever name, or by none: they say no more than whether the server is well.
ASKED_BY_BALANCERS = {"health.healthz", "health.readyz"}
NOT_LOOPBACK = "This server answers to 127.0.0.1, localhost and [::1] only."
OTHER_NAME = "This server does not answer to this name: its owner can allow it by --allowed-host."


def init_app(app: Flask, hosts: Hosts) -> None:
    app.before_request(lambda: check_host(hosts))
    # Before the rest, so that nobody without a key is shown more than the door.
    app.before_request(check_key)
    app.before_request(check_origin)
    app.before_request(check_refusal)
    app.before_request(check_draining)
    app.after_request(add_headers)


def check_host(hosts: Hosts) -> None:
    """Refuses names that a foreign page could have bound to this machine (DNS rebinding)."""
    if request.endpoint in ASKED_BY_BALANCERS:
        return
    if not hosts.answer_to(host_name(request.headers.get("Host", ""))):
        raise MisdirectedRequest(OTHER_NAME if hosts.names else NOT_LOOPBACK)


def check_origin() -> None:
    """Refuses work for a foreign page, as by ``<img src=".../generate-image?...">``.

    Another port of this host is "same-site" to a browser, and foreign to us. Programs send none
    of these headers.
    """
    if not has_effect(request):
        return
    own = f"{request.scheme}://{request.host}"  # request.host_url has letters for punycode
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("Another site's page may not use this server.")
    # Sandboxed frames send "null": they are foreign as well.
    if request.headers.get("Origin", own) != own:
        raise Forbidden("Another site's page may not use this server.")


def has_effect(request: Request) -> bool:
    """Whether the request may start or cancel work; all others only read."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        return True
    # By the view, not by the path: several paths lead to one view.
    return request.endpoint == "generate_image.generate_image"


def check_refusal() -> None:
    """Raises the refusal of a request that the server did not read."""
    if refusal := request.environ.get(REFUSAL):
        raise refusal


def check_draining() -> None:
    """Refuses new work while the server finishes what it has."""
    if starts_work(request) and request.environ.get(DRAINING):
        raise ServiceUnavailable(STOPPING, retry_after=60)


def starts_work(request: Request) -> bool:
    """Whether the request may start work; most that are about a job can only end it."""
    return has_effect(request) and request.endpoint not in ENDS


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
