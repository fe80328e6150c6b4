"""nginx and Caddy as docs/access.md sets them up, on ports and with a certificate of their own."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

NAME = "photos.example.org"
PAGE = Path(__file__).parents[1] / "docs" / "access.md"
SECONDS = 10

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/1; uwsgi_temp_path {folder}/2; scgi_temp_path {folder}/3;
    {snippet}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    http_port {other_port}
    https_port {port}
    storage file_system {folder}/storage
}}
{snippet}
"""


class Client(HTTPSConnection):
    """To the proxy by its name, which no resolver knows; from an address of this machine."""

    def __init__(self, port: int, source: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(NAME, port, timeout=SECONDS, context=context)
        self._source, self._tls = source, context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), SECONDS, (self._source, 0))
        self.sock = self._tls.wrap_socket(plain, server_hostname=NAME)


def snippet(language: str, server_port: int) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert found, f"docs/access.md has no example for {language}"
    assert "127.0.0.1:8000" in found[1]
    return found[1].replace("127.0.0.1:8000", f"127.0.0.1:{server_port}")


def free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}"]
    command += ["-keyout", str(folder / "key"), "-out", str(folder / "pem"), "-days", "2"]
    subprocess.run(command, check=True, capture_output=True)


def nginx(folder: Path, port: int, server_port: int) -> list[str]:
    make_certificate(folder)
    text = snippet("nginx", server_port).replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    for end in ("pem", "key"):
        assert f"/etc/ssl/{NAME}.{end}" in text
        text = text.replace(f"/etc/ssl/{NAME}.{end}", str(folder / end))
    (folder / "conf").write_text(NGINX.format(folder=folder, snippet=text))
    return ["nginx", "-p", str(folder), "-c", str(folder / "conf"), "-e", str(folder / "log")]


def caddy(folder: Path, port: int, server_port: int) -> list[str]:
    text = snippet("caddy", server_port).replace(f"{NAME} {{", f"{NAME} {{\n    tls internal", 1)
    _, other_port = free_ports()
    config = CADDY.format(folder=folder, snippet=text, port=port, other_port=other_port)
    (folder / "Caddyfile").write_text(config)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextlib.contextmanager
def running(name: str, folder: Path, server_port: int) -> Iterator[int]:
    """The port of a proxy in front of the server."""
    for needed in (name, "openssl"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    port, _ = free_ports()
    command = {"nginx": nginx, "caddy": caddy}[name](folder, port, server_port)
    environ = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin"}
    with (
        (folder / "told").open("w") as told,
        subprocess.Popen(command, env=environ, stdout=told, stderr=told) as process,
    ):
        try:
            wait_until_it_answers(process, port, folder / "told")
            yield port
        finally:
            process.terminate()


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, told: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            client = Client(port, "127.0.0.1")
            client.request("GET", "/healthz")
            client.getresponse().read()
            client.close()
            return
        except OSError:
            assert process.poll() is None, told.read_text()
            assert time.monotonic() < deadline, told.read_text()
            time.sleep(0.05)
