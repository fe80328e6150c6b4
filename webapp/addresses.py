"""The addresses by which this server can be reached."""

import socket

from webapp.hosts import is_wildcard


def url(host: str, port: int) -> str:
    """``http://host:port/``; for all addresses of this machine, by the one that others see."""
    name = own_address() if is_wildcard(host) else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def own_address() -> str:
    """This machine's address in its network; its name if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            # Sends nothing: the system only looks which way it would go. (RFC 5737: for examples.)
            any_socket.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        address: str = any_socket.getsockname()[0]
    return address
