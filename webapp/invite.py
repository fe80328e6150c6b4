"""Prints an invitation: a link, and its QR code for a phone's camera. ``scripts/invite`` runs it.

It asks the server nothing: the key file is enough.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from models_cache.advice import CannotStart
from models_cache.flags import add_flag
from models_cache.terminal import run
from webapp import addresses
from webapp.invitations import make
from webapp.keys import Keys
from webapp.settings import Settings, read_port

PROGRAM = "scripts/invite"
ANY = "0.0.0.0"
# Bright on dark, whatever the terminal's own colours: cameras read nothing else for sure.
COLORS, PLAIN = "\x1b[97;40m", "\x1b[0m"


def show(url: str, key: str) -> None:
    """Prints an invitation to the server at ``url``; the QR code only for people to see."""
    link = f"{url}invitation/{make(key)}"
    print(f"To let a browser in, open this there, once, within 24 hours:\n  {link}")
    if sys.stdout.isatty() and not url.startswith(("http://127.", "http://localhost")):
        print(qr_code(link))


def qr_code(text: str) -> str:
    """Lines of half blocks, or of spaces in two colours where the terminal knows no blocks."""
    import segno  # only here, as a start without an invitation does not need it

    lines, is_compact = StringIO(), "utf" in (sys.stdout.encoding or "").lower()
    segno.make(text, error="l", micro=False, boost_error=False).terminal(lines, compact=is_compact)
    if not is_compact:
        return lines.getvalue()
    return "\n".join(f"{COLORS}{line}{PLAIN}" for line in lines.getvalue().splitlines())


def main(arguments: Sequence[str]) -> int:
    """The exit code: 2 if there is no such key."""
    options = _parser().parse_args(arguments)
    try:
        if options.key_file is None:
            raise CannotStart("no key file is named", "Name the server's with --key-file.")
        keys = Keys.read(options.key_file)
        show(_url(options), _key(keys, options.name))
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0


def _url(options: argparse.Namespace) -> str:
    if options.url is None:
        return addresses.url(options.host, options.port)
    return f"{options.url.rstrip('/')}/"


def _key(keys: Keys, name: str | None) -> str:
    """Of the first in the file, if no name is given. Raises CannotStart."""
    try:
        return keys.by_name[next(iter(keys.by_name)) if name is None else name]
    except KeyError:
        names = ", ".join(keys.by_name)
        raise CannotStart(f"no key has the name {name}", f"There are: {names}.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Prints a link that lets one browser in, once, within 24 hours.",
        epilog="The server's environment variables count here too, such as LOOKALIKE_KEY_FILE.",
    )
    flags = {
        "key_file": (None, Path, "FILE", "the server's key file"),
        "host": (ANY, str, "HOST", "the address that the server listens on, if not on all"),
        "port": (Settings().port, read_port, "PORT", "the page's port"),
    }
    for name, (default, kind, metavar, text) in flags.items():
        add_flag(parser, os.environ, name, default, type=kind, metavar=metavar, help=text)
    parser.add_argument("--name", help="whose key the invitation is made with: the file's first")
    parser.add_argument("--url", help="how others reach the page, as by a proxy: https://...")
    return parser


if __name__ == "__main__":
    run(main)
