"""A server whose models are two replicas on a Ray cluster of this machine."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from served import SECONDS, Served, wait_until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    pytest.importorskip("ray", reason="Ray is not installed: requirements-ray.txt")
    command = [sys.executable, "-m", "webapp", "--models", "demo", "--port", "0", "--api-port", "0"]
    command += ["--engines", "ray", "--replicas", "2"]
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        addresses = [re.search(r"http://[\w.:]+", process.stdout.readline()) for _ in range(2)]
        if not all(addresses):
            log.seek(0)
            raise AssertionError(log.read())
        served = Served(process, *(found[0] for found in addresses if found))
        try:
            wait_until(served.is_ready)
            yield served
        finally:
            process.terminate()
            process.wait(SECONDS)
            process.stdout.close()
