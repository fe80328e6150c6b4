"""The whole server, killed and started again on the same folder; and on a disk that is full."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
from PIL import Image
from test_http import multipart
from test_temporary_folder import ask, noise

pytestmark = [pytest.mark.demo, pytest.mark.slow]

EXAMPLE = Path("webapp/static/examples/a-red-house-by-the-sea.png")
FLAGS = ["-m", "webapp", "--models", "demo", "--port", "0", "--api-port", "0"]
JSON = {"Accept": "application/json"}
SECONDS = 60


class Process:
    """A server in a process of its own."""

    def __init__(self, told, *command):
        self.told = told
        with told.open("w") as stderr:
            self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        lines = [self.popen.stdout.readline() for _ in range(2)]
        self.page, self.api = (int(re.search(r":(\d+)/", line)[1]) for line in lines)

    def upload(self, data, **fields):
        """The new job's address."""
        body, kind = multipart(data, **fields)
        status, job, _ = ask(self.page, "POST", "/", body, {"Content-Type": kind})
        assert status == 303
        return job

    def tell(self, job):
        return json.loads(ask(self.page, "GET", job, headers=JSON)[2])

    def finish(self, job):
        """Waits for the end, and returns what the job then tells."""
        ask(self.page, "GET", f"{job}/events")
        return self.tell(job)

    def image(self, job):
        status, _, data = ask(self.page, "GET", f"{job}/image.png")
        return Image.open(BytesIO(data)) if status == 200 else None

    def says(self, words):
        """How often its log has them."""
        return self.told.read_text().count(words)

    def kill(self):
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(SECONDS)
        self.popen.stdout.close()


@pytest.fixture
def serve(tmp_path):
    """Starts servers, one after the other."""
    with contextlib.ExitStack() as ends:

        def start(*command):
            process = Process(tmp_path / "log", *command)
            ends.callback(process.kill)
            return process

        yield start


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_is_killed_finishes_after_a_new_start_what_it_had_begun(serve, tmp_path):
    command = [sys.executable, *FLAGS, "--keep", str(tmp_path / "kept")]
    first = serve(*command)
    done = first.upload(EXAMPLE.read_bytes(), seed="3", num_inference_steps="2")
    assert first.finish(done)["status"] == "succeeded"
    fields = {"seed": "7", "num_inference_steps": "60"}
    running = first.upload(EXAMPLE.read_bytes(), **fields)
    wait_for(lambda: first.tell(running)["step"] > 5)
    before = first.image(done)
    first.kill()
    assert not list((tmp_path / "kept").rglob("new-*"))

    second = serve(*command)
    assert second.image(done).tobytes() == before.tobytes()
    ids = ".".join(job.removeprefix("/jobs/") for job in (running, done))
    _, _, page = ask(second.page, "GET", "/", headers={"Cookie": f"mine={ids}"})
    assert re.findall(r'<li><a href="(/jobs/\w+)"', page.decode()) == [running, done]
    told = second.finish(running)
    assert told["status"] == "succeeded"
    query = urlencode({"prompt": told["prompt"], **fields})
    _, _, answer = ask(second.api, "GET", f"/generate-image?{query}")
    alone = Image.open(BytesIO(b64decode(json.loads(answer)["image"])))
    assert second.image(running).tobytes() == alone.tobytes()


def test_a_disk_that_is_full_costs_the_saved_copy_alone(serve, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    mount = 'mount -t tmpfs -o size=1m,mode=700 none "$1" && shift && exec "$@"'
    on_small_disk = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", folder]
    if not shutil.which("unshare") or subprocess.run([*on_small_disk, "true"]).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    flags = ["--keep", str(folder), "--max-stored-jobs", "1"]
    server = serve(*on_small_disk, sys.executable, *FLAGS, *flags)
    large = server.upload(noise(1200), num_inference_steps="1")
    assert server.finish(large)["status"] == "succeeded"
    assert server.image(large)
    wait_for(lambda: server.says("Pictures cannot be saved: No space left on device."))
    small = server.upload(EXAMPLE.read_bytes(), num_inference_steps="1")
    assert server.finish(small)["status"] == "succeeded"
    wait_for(lambda: server.says("Pictures are saved again."))  # the large one left the memory
    server.finish(server.upload(EXAMPLE.read_bytes(), num_inference_steps="1"))
    assert server.image(small)  # from the disk
    assert not server.image(large)
    assert server.says("Pictures cannot be saved") == 1
    assert not server.says("Traceback")
    assert os.listdir(folder) == []  # all was on the small disk
