"""The whole server as ``scripts/serve`` runs it, on ports that the system chooses."""

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


class ServerFailed(Exception):
    """Holds what the server printed to stderr."""


@dataclass(frozen=True, slots=True)
class Server:
    """``launched`` is when its command was, by ``time.perf_counter``."""

    launched: float
    page_port: int
    api_port: int
    pid: int

    def held_bytes(self) -> int:
        """The part of its memory that is in RAM. On Linux only."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kilobytes = re.search(r"^VmRSS:\s*(\d+) kB$", status, re.M)
        assert kilobytes
        return 1024 * int(kilobytes[1])


@contextlib.contextmanager
def serving(flags: Sequence[str]) -> Iterator[Server]:
    """Announced, and stopped in the end. Raises ServerFailed."""
    command = [sys.executable, "-m", "webapp", "--host=127.0.0.1", "--port=0", "--api-port=0"]
    with tempfile.TemporaryFile("w+") as errors:
        launched = time.perf_counter()
        with subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            try:
                assert process.stdout is not None
                ports = [_port(process.stdout.readline()) for _ in range(2)]
                if None in ports:
                    process.wait()
                    errors.seek(0)
                    raise ServerFailed(errors.read().strip())
                page_port, api_port = (port for port in ports if port)
                yield Server(launched, page_port, api_port, process.pid)
            finally:
                process.send_signal(signal.SIGTERM)


def _port(line: str) -> int | None:
    address = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
    return int(address[1]) if address else None
