"""What a client sends is data: no path in it is opened, and no address in it is asked."""

import itertools
import re
import sys
from io import BytesIO
from pathlib import Path

import pytest
from web_client import JSON, SECONDS, job_of, picture, upload

from generator.job import Succeeded

FIELDS = ["prompt", "negative_prompt", "image", "image_url", "example", "shape", "seed", "next"]
HEADERS = ["Cookie", "If-None-Match", "Last-Event-ID", "Referer", "X-Forwarded-Host", "X-Sendfile"]
FILES = ["{}", '<svg><image href="{}"/></svg>', "%!PS ({}) run", "#EXTM3U\n{}"]
OPENING = ("open", "os.listdir", "os.scandir", "glob.glob", "subprocess.Popen", "urllib.Request")
ASKING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
SEEN: list[tuple[str, str]] = []
sys.addaudithook(
    lambda event, arguments: (
        SEEN.append((event, repr(arguments))) if event in (*OPENING, *ASKING) else None
    )
)


@pytest.fixture
def bait(tmp_path: Path) -> list[str]:
    """A real picture by its path, and the same picture and others by address."""
    path = tmp_path / "bait.png"
    path.write_bytes(picture())
    return [str(path), f"file://{path}", "http://127.0.0.1:9/bait.png", "//127.0.0.1:9/bait.png"]


def addresses(client, bait):
    """Of all routes, as the app itself lists them, with the bait for what is variable."""
    for rule in client.application.url_map.iter_rules():
        for method in rule.methods:
            yield method, re.sub("<[^>]*>", lambda _: bait, rule.rule)


def send_everywhere(client, bait):
    """In the address, the query, a header, a field, a file's name and a file."""
    for (method, path), file in zip(addresses(client, bait), itertools.cycle(FILES), strict=False):
        fields = dict.fromkeys(FIELDS, bait)
        form = fields | {"image": (BytesIO(file.format(bait).encode()), bait)}
        del form["example"]  # which goes before a file
        for options in ({"data": form}, {"data": fields}, {"query_string": fields}):
            headers = dict.fromkeys(HEADERS, bait) | JSON
            with client.open(path, method=method, headers=headers, **options) as response:
                assert response.status_code < 500, (method, path)


@pytest.mark.slow
def test_no_path_is_opened_and_no_address_is_asked(client, services, bait):
    SEEN.clear()
    for each in bait:
        send_everywhere(client, each)
        for data in (picture(), *(file.format(each).encode() for file in FILES)):
            response = upload(client, data, prompt=each, negative_prompt=each)
            if response.status_code == 303:
                assert isinstance(job_of(services, response).wait(SECONDS), Succeeded)
    seen = list(SEEN)
    assert any(event == "open" for event, _ in seen)  # templates: the hook works
    assert not [each for each in seen if each[0] in ASKING or "bait" in each[1]]
