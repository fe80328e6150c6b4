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
    try:
        parsed = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed, 64), strict=False))
    return str(parsed)
