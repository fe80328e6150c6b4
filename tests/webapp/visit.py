"""One visit to a server of its own: upload a drawn scene, read its caption, fetch both images.

A program of its own so that it can be run where there is no network:
``unshare -rn python tests/webapp/visit.py``. Prints what it saw as JSON.
"""

import base64
import fcntl
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from pathlib import Path
from typing import IO

EXAMPLE = Path("webapp/static/examples/a-red-house-by-the-sea.png")
AUDITED_SERVER = Path("tests/webapp/audited_server.py")
SECONDS = 60


def bring_up_loopback() -> None:
    """A new network namespace has a loopback interface, but it is down."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack("16xH14x", fcntl.ioctl(any_socket, get_flags, request))
        if not flags & is_up:
            fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


def start(told: IO[str]) -> tuple[subprocess.Popen[str], str, str]:
    """The server, whose stderr is ``told``, and the addresses that it printed."""
    flags = ["--models", "demo", "--port", "0", "--api-port", "0"]
    command = [sys.executable, AUDITED_SERVER, *flags]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True)
    assert server.stdout is not None
    page = re.search(r"http://\S+", server.stdout.readline())
    api = re.search(r"http://\S+", server.stdout.readline())
    assert page
    assert api
    return server, page[0], api[0]


def get(url: str, **headers: str) -> bytes:
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=SECONDS
    ) as answer:
        body: bytes = answer.read()
    return body


def upload(page: str) -> str:
    """The address of the job, where the form's redirection ends."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    body = head.encode() + EXAMPLE.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with urllib.request.urlopen(
        urllib.request.Request(page, body, form), timeout=SECONDS
    ) as answer:
        url: str = answer.url
    return url


def visit(page: str, api: str) -> dict[str, object]:
    job_url = upload(page)
    get(f"{job_url}/events")  # ends with the job
    job = json.loads(get(job_url, Accept="application/json"))
    image = json.loads(get(api))["image"]
    return {
        "caption": job["caption"],
        "status": job["status"],
        "image": base64.b64encode(get(f"{job_url}/image.png")).decode(),
        "api_image": image,
        "interfaces": [name for _, name in socket.if_nameindex()],
    }


def main() -> None:
    if sys.platform == "linux":
        bring_up_loopback()
    with tempfile.TemporaryFile("w+") as told:
        server, page, api = start(told)
        try:
            seen = visit(page, api)
        finally:
            server.send_signal(signal.SIGTERM)
            exit_code = server.wait(SECONDS)
            told.seek(0)
            lines = told.read().splitlines()
            print("\n".join(lines), file=sys.stderr)
    network = [line for line in lines if line.startswith("network: ")]
    print(json.dumps(seen | {"exit_code": exit_code, "network": network}))


if __name__ == "__main__":
    main()
