"""Sends to the server what a browser and a program send, and waits for its answers."""

import base64
import http.client
import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode

BOUNDARY = "a-boundary-that-no-picture-holds"
ENOUGH_SECONDS = 600
HOST = "127.0.0.1"


class UnexpectedAnswer(Exception):
    """Names the address, the status and the beginning of the answer."""


def get(port: int, path: str, host: str = HOST) -> bytes:
    return _read(_ask(port, "GET", path, host=host), path, 200)


def wait_until_ready(port: int, host: str = HOST) -> None:
    """Asks ``/readyz`` until it answers 200. Raises TimeoutError."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not _is_ready(port, host):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {ENOUGH_SECONDS} s")
        time.sleep(0.02)


def _is_ready(port: int, host: str) -> bool:
    with _ask(port, "GET", "/readyz", host=host) as answer:
        return answer.status == 200


def generate_image(port: int, fields: Mapping[str, object]) -> bytes:
    """The PNG of ``GET /generate-image``."""
    query = urlencode(fields)
    answer = json.loads(get(port, f"/generate-image?{query}"))
    return base64.b64decode(answer["image"])


def predict(port: int, fields: Mapping[str, object]) -> bytes:
    """The PNG of LitServe's ``POST /predict``."""
    headers = {"Content-Type": "application/json"}
    answer = _ask(port, "POST", "/predict", json.dumps(fields).encode(), headers)
    return base64.b64decode(json.loads(_read(answer, "/predict", 200))["image"])


def similar_image(port: int, picture: bytes, fields: Mapping[str, object]) -> bytes:
    """The PNG that the page shows in the end."""
    answer = upload(port, picture, fields)
    _read(answer, "/", 303)
    job = answer.headers["Location"]
    _follow(port, f"{job}/events")
    return get(port, f"{job}/image.png")


def upload(port: int, picture: bytes, fields: Mapping[str, object]) -> http.client.HTTPResponse:
    """The answer, yet to be read: to the job's page, or why there is none."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return _ask(port, "POST", "/", form(picture, fields), headers)


def cancel(port: int, job: str) -> None:
    """``job`` is the address of its page."""
    _read(_ask(port, "POST", f"{job}/cancel"), job, 200)


def _follow(port: int, path: str) -> None:
    """Reads a job's events as they come, to the one that says that its image is there."""
    answer = _ask(port, "GET", path)
    if answer.status != 200:
        _read(answer, path, 200)
    with answer:
        for line in answer:
            if line == b"event: succeeded\n":
                return
    raise UnexpectedAnswer(f"{path} ended without an image")


def form(picture: bytes | None, fields: Mapping[str, object]) -> bytes:
    """A form as browsers send it, with or without a picture."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if picture is not None:
        image = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="scene.png"'
        )
        parts += [image.encode(), b"\r\nContent-Type: image/png\r\n\r\n", picture, b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def _ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    host: str = HOST,
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(host, port, timeout=ENOUGH_SECONDS)
    try:
        # The answer then ends with its connection, which nobody else has to close.
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        return connection.getresponse()
    except Exception:
        connection.close()
        raise


def _read(answer: http.client.HTTPResponse, path: str, expected: int) -> bytes:
    with answer:
        body = answer.read()
    if answer.status != expected:
        raise UnexpectedAnswer(f"{path[:60]}: {answer.status} {body[:200]!r}")
    return body
