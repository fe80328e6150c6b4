"""A server with replicas, as its tests ask it over HTTP."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120
REPLICA = "ray::ServeReplica:painter"


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        parsed: dict[str, object] = json.loads(self.body)
        return parsed


@dataclass
class Served:
    """The server's process, and its addresses."""

    process: subprocess.Popen[str]
    page: str
    api: str

    def get(self, path: str, base: str = "") -> Answer:
        return self.ask(urllib.request.Request(f"{base or self.page}{path}"))

    def image(self, query: str) -> Answer:
        return self.get(f"/generate-image?{query}", self.api)

    def ask(self, request: urllib.request.Request) -> Answer:
        request.add_header("Accept", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())

    def replicas(self) -> list[int]:
        """The process ids of this server's painters."""
        found = subprocess.run(["pgrep", "-f", f"^{REPLICA}"], capture_output=True, text=True)
        return [each for each in map(int, found.stdout.split()) if self._is_ours(each)]

    def _is_ours(self, process_id: int) -> bool:
        while process_id > 1:
            if process_id == self.process.pid:
                return True
            try:
                status = Path(f"/proc/{process_id}/stat").read_text()
            except OSError:  # it has just ended
                return False
            process_id = int(status.rpartition(")")[2].split()[1])
        return False

    def is_ready(self) -> bool:
        return self.get("/readyz").status == 200


def wait_until(is_so: Callable[[], bool], seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def kill(process_id: int) -> None:
    os.kill(process_id, signal.SIGKILL)
