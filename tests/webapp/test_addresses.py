"""Where the server listens, and who reaches it there."""

import socket

import pytest
from tiny_server import SECONDS, body, get, read_all, run_in_thread

from webapp.limits import Limits
from webapp.server import Server, bind


@pytest.mark.parametrize(
    ("host", "callers"),
    [
        ("::1", ["::1"]),
        ("::", ["::1", "127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1"]),
    ],
)
def test_who_listens_on_all_addresses_is_reached_by_all(app, host, callers):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = Server(app, bind(host, [0]), Limits(threads=1))
    port = server.ports[0]
    with run_in_thread(server):
        for each in callers:
            with socket.create_connection((each, port), SECONDS) as client:
                client.sendall(get("/port", "Connection: close"))
                assert body(read_all(client)) == str(port).encode()
