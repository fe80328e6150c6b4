"""Where the load goes: one server, on this machine alone."""

import ipaddress
from dataclasses import dataclass


class NotLoopback(Exception):
    """Names the address: this load would be an attack on anybody else's server."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is no loopback address, as 127.0.0.1 is")


@dataclass(frozen=True, slots=True)
class Site:
    """Both addresses of the server. Raises NotLoopback, for names too: they may lead anywhere."""

    host: str
    page_port: int
    api_port: int

    def __post_init__(self) -> None:
        check_loopback(self.host)


def check_loopback(host: str) -> None:
    """Raises NotLoopback."""
    try:
        is_ours = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        is_ours = False
    if not is_ours:
        raise NotLoopback(host)
