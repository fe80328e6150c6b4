"""The peer's server and its processes, which sleep while ours is measured."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException

from scripts.benchmarks import client
from scripts.benchmarks.client import ENOUGH_SECONDS
from scripts.benchmarks.programs.phases import ProgramFailed

PROGRAM = "scripts.benchmarks.programs.litserve_pipeline"


@dataclass(frozen=True, slots=True)
class Peer:
    """``group`` is that of its processes."""

    port: int
    group: int

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Lets it run. It is asleep otherwise: it looks for requests a thousand times a second."""
        os.killpg(self.group, signal.SIGCONT)
        try:
            yield
        finally:
            os.killpg(self.group, signal.SIGSTOP)


@contextlib.contextmanager
def serving_peer(*arguments: object) -> Iterator[Peer]:
    """Ready and asleep, and ended at last. Raises ProgramFailed and TimeoutError."""
    port = free_port()
    command = [sys.executable, "-m", PROGRAM, *map(str, arguments), str(port)]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True) as process,
    ):
        try:
            _wait_until_ready(process, port)
            if process.returncode is not None:
                said.seek(0)
                raise ProgramFailed(f"{PROGRAM} ended with {process.returncode}:\n{said.read()}")
            os.killpg(process.pid, signal.SIGSTOP)
            yield Peer(port, process.pid)
        finally:
            # The whole group: alone, it would leave its workers behind. They have nothing to save.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Returns also if it has ended."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while process.poll() is None and not _is_ready(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {ENOUGH_SECONDS} s")
        time.sleep(0.1)


def _is_ready(port: int) -> bool:
    try:
        client.get(port, "/health")
    except (OSError, HTTPException, client.UnexpectedAnswer):  # it does not listen yet, or loads
        return False
    return True
