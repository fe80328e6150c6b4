"""The whole server as ``scripts/serve`` runs it, on ports that the system chooses."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from scripts.benchmarks.client import HOST


class ServerFailed(Exception):
    """Holds what the server printed to stderr."""


@dataclass(frozen=True, slots=True)
class Server:
    """``launched`` is when its command was, by ``time.perf_counter``."""

    launched: float
    page_port: int
    api_port: int
    pid: int
    host: str = HOST

    def held_bytes(self) -> int:
        """The part of its memory that is in RAM. On Linux only."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kilobytes = re.search(r"^VmRSS:\s*(\d+) kB$", status, re.M)
        assert kilobytes
        return 1024 * int(kilobytes[1])

    def cpu_seconds(self) -> float:
        """The processor's time that its own process has taken, without any child. On Linux only."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]  # utime and stime of proc(5)
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(flags: Sequence[str], host: str = HOST, log: TextIO | None = None) -> Iterator[Server]:
    """Announced, and stopped in the end. Raises ServerFailed.

    ``log`` is a file that its log goes to; it can be read after the server's end, too.
    """
    command = [sys.executable, "-m", "webapp", f"--host={host}", "--port=0", "--api-port=0"]
    with tempfile.TemporaryFile("w+") as own:
        errors, launched = log or own, time.perf_counter()
        with subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            try:
                assert process.stdout is not None
                ports = [_port(host, process.stdout.readline()) for _ in range(2)]
                if None in ports:
                    process.wait()
                    errors.seek(0)
                    raise ServerFailed(errors.read().strip())
                page_port, api_port = (port for port in ports if port)
                yield Server(launched, page_port, api_port, process.pid, host)
            finally:
                process.send_signal(signal.SIGTERM)


def _port(host: str, line: str) -> int | None:
    address = re.search(rf"http://{re.escape(host)}:(\d+)/", line)
    return int(address[1]) if address else None
