"""A Hugging Face hub on 127.0.0.1: what huggingface_hub asks of the real one, and its faults."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

API = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
RESOLVE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Repository:
    """``token`` None means that everybody may read it."""

    files: dict[str, bytes]
    commit: str
    licence: str = "mit"
    token: str | None = None


@dataclass
class Fault:
    """Does something else than to answer, ``times`` often, what contains ``where``.

    ``spoil`` is given the handler, the status, the headers and the body that were due.
    """

    where: str
    spoil: Callable[["Handler", int, dict[str, str], bytes], None]
    times: int = 1_000

    def takes(self, request: str) -> bool:
        if self.where not in request or not self.times:
            return False
        self.times -= 1
        return True


@dataclass
class FakeHub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    # "GET /org/blip/resolve/main/config.json", and " bytes=10-" behind it for a range
    requests: list[str] = field(default_factory=list)

    def publish(self, repository: str, folder: Path, commit: str = "c" * 40) -> Repository:
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        self.repositories[repository] = Repository(files, commit)
        return self.repositories[repository]

    def fetched(self) -> list[str]:
        """The files whose bytes were sent, in order."""
        matches = [RESOLVE.fullmatch(each.split()[1]) for each in self.requests if "GET" in each]
        return [match["file"] for match in matches if match]


def etag(path: str, content: bytes) -> str:
    """As the hub has it: SHA-256 for what is in Git LFS, git's own id for the rest."""
    if path.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        hub = self.server.hub
        wanted = self.headers.get("Range", "")
        request = f"{self.command} {urlsplit(self.path).path} {wanted}".strip()
        hub.requests.append(request)
        status, headers, body = self.answer(wanted)
        for fault in hub.faults:
            if fault.takes(request):
                fault.spoil(self, status, headers, body)
                return
        self.send(status, headers, body)

    do_HEAD = do_GET

    def answer(self, wanted: str) -> tuple[int, dict[str, str], bytes]:
        path = urlsplit(self.path).path
        match = API.fullmatch(path) or RESOLVE.fullmatch(path)
        repository = match and self.server.hub.repositories.get(match["repository"])
        if not match or not repository:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if repository.token and self.headers.get("Authorization") != f"Bearer {repository.token}":
            return 401, {"X-Error-Code": "GatedRepo"}, b""
        if match["revision"] not in (None, "main", repository.commit):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if match.re is API:
            return 200, {"Content-Type": "application/json"}, _listing(match[1], repository)
        return _file(repository, match["file"], wanted)

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _listing(name: str, repository: Repository) -> bytes:
    siblings = [
        {
            "rfilename": path,
            "size": len(content),
            "blobId": hashlib.sha1(content).hexdigest(),
            "lfs": {"sha256": etag(path, content), "size": len(content), "pointerSize": 130}
            if path.endswith(".safetensors")
            else None,
        }
        for path, content in repository.files.items()
    ]
    card = {"license": repository.licence}
    info = {"id": name, "sha": repository.commit, "siblings": siblings, "cardData": card}
    return json.dumps(info).encode()


def _file(repository: Repository, path: str, wanted: str) -> tuple[int, dict[str, str], bytes]:
    if path not in repository.files:
        return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.commit}, b""
    content = repository.files[path]
    headers = {
        "ETag": f'"{etag(path, content)}"',
        "X-Repo-Commit": repository.commit,
        "X-Linked-Size": str(len(content)),
        "Accept-Ranges": "bytes",
    }
    if not wanted:
        return 200, headers, content
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return 206, headers, content[start:]


class Server(ThreadingHTTPServer):
    daemon_threads = False
    hub: FakeHub


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.hub = FakeHub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="fake hub")
        thread.start()
        try:
            yield server.hub
        finally:
            server.shutdown()
            thread.join()


def answers(status: int, **headers: str) -> Callable[..., None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, *_: handler.send(status, named, b"")


def cuts(after_bytes: int) -> Callable[..., None]:
    """Sends so many bytes, then closes the connection."""

    def spoil(handler: Handler, status: int, headers: dict[str, str], body: bytes) -> None:
        headers = {"Content-Length": str(len(body))} | headers
        handler.send(status, headers, body[:after_bytes])

    return spoil


def flips(position: int = -1) -> Callable[..., None]:
    """Flips one bit of the body."""

    def spoil(handler: Handler, status: int, headers: dict[str, str], body: bytes) -> None:
        changed = bytearray(body)
        if changed:
            changed[position] ^= 1
        handler.send(status, headers, bytes(changed))

    return spoil


def lengthens(handler: Handler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send(status, headers, body + b"more")
