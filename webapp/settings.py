"""The settings of the server's owner, by flag or by environment variable."""

import argparse
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models_cache.flags import (
    FastPath,
    Memory,
    Models,
    Precision,
    add_flag,
    add_model_flags,
    one_of,
)
from webapp.limits import Limits

MEGABYTE = 2**20
# A body up to twice as large is read, and held in memory.
MOST_UPLOAD_MB = Limits.held_bodies_bytes // (2 * MEGABYTE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every default works on a laptop without a GPU or a network."""

    models: Models = Models.AUTO
    captioner: str | None = None  # a folder or hub id; overrides the one of ``models``
    generator: str | None = None
    device: str = "auto"  # as torch names devices: cpu, cuda, cuda:1
    memory: Memory = Memory.AUTO
    dtype: Precision = Precision.AUTO
    fast_path: FastPath = FastPath.AUTO
    host: str = "127.0.0.1"  # loopback only: there are no keys yet
    port: int = 8000
    api_port: int = 5000
    max_upload_mb: int = 20  # of one picture
    max_stored_jobs: int = 200
    max_stored_mb: int = 512  # of all stored jobs' pictures

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> "Settings":
        """Reads flags, then environment variables, then defaults.

        Prints one sentence that names the flag and exits with 2 if a value is wrong.
        """
        parser = _parser(environ)
        options = parser.parse_args(arguments)
        if not is_loopback(options.host):
            parser.error(
                f"argument --host: {options.host} can be reached by others, and there are no"
                " access keys yet: use 127.0.0.1, localhost or ::1."
            )
        if options.port == options.api_port != 0:
            parser.error("argument --api-port: the page has this port: give each its own.")
        return cls(**vars(options))

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * MEGABYTE

    @property
    def max_stored_bytes(self) -> int:
        return self.max_stored_mb * MEGABYTE


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        description="Lookalike: upload a picture, read its caption, see a similar image.",
        epilog="Each flag is also an environment variable: LOOKALIKE_PORT=8001 is --port 8001."
        " scripts/serve --with EXTRA,... installs requirements-EXTRA.txt first.",
    )
    add_model_flags(parser, environ)
    add_flag(
        parser,
        environ,
        "fast_path",
        FastPath.AUTO.value,
        type=one_of(FastPath),
        metavar="{" + ",".join(FastPath) + "}",
        help="auto: on CUDA, tries while nothing is asked for what may make the painter faster,"
        " and keeps what is as right and faster; off: tries nothing (%(default)s)",
    )
    flags: dict[str, tuple[Callable[[str], object], str]] = {
        "host": (str, "the address to listen on, which must be this machine's own"),
        "port": (_port, "the page's port"),
        "api_port": (_port, "the image API's port"),
        "max_upload_mb": (_up_to(MOST_UPLOAD_MB), "the largest picture that is taken, in MB"),
        "max_stored_jobs": (_up_to(1_000_000), "how many jobs are kept; the oldest goes first"),
        "max_stored_mb": (_up_to(1_000_000), "how much memory their pictures may take, in MB"),
    }
    for name, (kind, text) in flags.items():
        default = getattr(Settings(), name)
        add_flag(parser, environ, name, default, type=kind, help=f"{text} (%(default)s)")
    return parser


def _port(text: str) -> int:
    """A TCP port; 0 lets the system choose one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 1 to 65535")
    return int(text)


def _up_to(highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {highest}")
        return int(text)

    return read
