"""Uploads and answers need no temporary folder: one may be full, too small or missing.

The servers here may write to no file at all, which holds for root as well: whoever looks for a
temporary folder finds that none is usable.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from test_http import multipart

SECONDS = 60
ROOT = Path(__file__).parents[2]
LARGE_SIDE = 2200  # of noise: 14 MB, and 19 MB in base64

PROGRAM = """
import os
import sys
from fakes import FakeBlip, FakeSDXL
import captioner.engine, generator.engine
from PIL import Image
from webapp import create_app
from webapp.job_store import JobStore
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings

class Noise(FakeSDXL):
    def decode(self, samples):
        side = %d
        return [Image.frombytes("RGB", (side, side), os.urandom(3 * side**2)) for _ in samples]

engines = captioner.engine.Engine(FakeBlip()), generator.engine.Engine(Noise())
services = Services(*engines, JobStore())
server = Server(create_app(Settings(), services), bind("127.0.0.1", [0, 0]))
services.captioner.start()
services.generator.start()
print(f"http://127.0.0.1:{server.ports[0]}/", flush=True)
print(f"http://127.0.0.1:{server.ports[1]}/", flush=True)
server.run()
"""


@contextlib.contextmanager
def server_without_files(*arguments):
    """The ports of a server that may write to no file."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no shell to take the right to write files away")
    command = [shell, "-c", 'ulimit -f 0 && exec "$@"', "sh", sys.executable, "-B", *arguments]
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # pytest's would be a file
        text=True,
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            yield [int(line.split("http://127.0.0.1:")[1].split("/")[0]) for line in lines]
        finally:
            process.kill()


def ask(port, method, path, body=None, headers=None):
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.getheader("Location"), response.read()


def noise(side):
    kept = BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(kept, "PNG", compress_level=1)
    return kept.getvalue()


def upload(port, data):
    body, content_type = multipart(data)
    return ask(port, "POST", "/", body, {"Content-Type": content_type})


@pytest.mark.slow
def test_large_pictures_come_and_go_without_a_temporary_folder():
    program = PROGRAM % LARGE_SIDE
    with server_without_files("-c", program) as (page, api):
        picture = noise(1200)
        assert len(picture) > 1024 * 1024  # from half of that on a file would be written
        status, job, _ = upload(page, picture)
        assert status == 303
        ask(page, "GET", f"{job}/events")  # ends with the job
        for path in (f"{job}/original.jpg", f"{job}/image.png"):
            assert ask(page, "GET", path)[0] == 200
        status, _, answer = ask(api, "GET", "/generate-image?prompt=x")
        assert status == 200
        assert len(base64.b64decode(json.loads(answer)["image"])) > 3 * LARGE_SIDE**2


@pytest.mark.demo
@pytest.mark.slow
def test_the_whole_server_starts_and_works_without_a_temporary_folder():
    flags = ["-m", "webapp", "--models", "demo", "--port", "0", "--api-port", "0"]
    with server_without_files(*flags) as (page, api):
        assert upload(page, noise(1200))[0] == 303
        assert ask(api, "GET", "/generate-image?prompt=a+red+house")[0] == 200
