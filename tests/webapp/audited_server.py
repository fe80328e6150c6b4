"""The server, which says on stderr whom it speaks to: every look-up of a name, every connection."""

import ipaddress
import os
import runpy
import sys

LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname")
TALKING = ("socket.connect", "socket.sendmsg", "socket.sendto")


def tell(event: str, arguments: tuple[object, ...]) -> None:
    if event in TALKING or (event in LOOK_UPS and not is_address(arguments[0])):
        print(f"network: {event} {arguments!r}", file=sys.stderr, flush=True)


def is_address(host: object) -> bool:
    """Numbers need no look-up: waitress parses the address that it would listen on by default."""
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


sys.path[0] = os.getcwd()  # as with -m
sys.addaudithook(tell)
runpy.run_module("webapp", run_name="__main__", alter_sys=True)
