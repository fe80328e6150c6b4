"""Who asks: the name of the key, and the address that the request came from."""

import ipaddress

from flask import g, request


def client() -> str:
    """One person or program, as far as we can tell: what shares a turn in the queue.

    A key may be shared, as by all who were invited with it, and so may an address, as behind a
    router: both must agree.
    """
    return f"{g.get('key_name', '')} {address()}"


def address() -> str:
    """The request's address. Of IPv6 the network: one machine has a whole one to itself."""
    found = unmapped(request.remote_addr or "")
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found.packed, 64), strict=False))
    return str(found or "")


def unmapped(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; of IPv4 also as a socket of IPv6 tells it. None if it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
