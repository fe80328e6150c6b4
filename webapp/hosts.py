"""The names by which browsers may call this server, in the header ``Host``.

A foreign page can bind a name of its own to this machine (DNS rebinding), and so be a page of ours
to the browser. It cannot do so with an address, nor with a name that is not its own.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

# A name or an address, IPv6 in brackets, and perhaps a port.
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z._-]+))(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hosts:
    """This machine's loopback names, and others once the server is there for others.

    ``any_address`` allows all addresses: which of them lead here, only routers and containers know.
    """

    names: frozenset[str] = frozenset()
    any_address: bool = False

    @classmethod
    def of(cls, bound: str, allowed: Iterable[str]) -> "Hosts":
        """For a server that listens on the address or name ``bound``, and is there for others."""
        own = socket.gethostname().lower().partition(".")[0]
        names = {own, f"{own}.local", socket.gethostname().lower(), *allowed}
        if is_wildcard(bound):  # which is itself no address
            return cls(frozenset(names), any_address=True)
        return cls(frozenset(names | {bound.lower()}))

    def answer_to(self, name: str) -> bool:
        """Of a name as ``host_name`` returns it."""
        if is_loopback(name) or name in self.names:
            return True
        return self.any_address and _is_address(name)


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without port and brackets; "" if there is none."""
    match = HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether it stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        return not ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return False
