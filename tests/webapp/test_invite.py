"""``scripts/invite``: a link that the server takes, and its QR code."""

import io
import re
import sys

import pytest
import segno
from door_keys import ANNA, BERT, door_keys

from webapp import addresses, invite
from webapp.invitations import Invitations

LINK = re.compile(r"^  (http\S+/)invitation/(\S+)$", re.M)


@pytest.fixture
def invitations():
    return Invitations()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"anna {ANNA}\nbert {BERT}\n")
    return str(file)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("KEY_FILE", "HOST", "PORT"):
        monkeypatch.delenv(f"LOOKALIKE_{name}", raising=False)


@pytest.mark.parametrize(
    ("flags", "url", "name"),
    [
        ([], addresses.url("0.0.0.0", 8000), "anna"),
        (["--name", "bert", "--host", "127.0.0.1"], "http://127.0.0.1:8000/", "bert"),
        (["--host", "192.168.1.7", "--port", "80"], "http://192.168.1.7:80/", "anna"),
        (["--host", "fe80::1"], "http://[fe80::1]:8000/", "anna"),
        (["--url", "https://nas.example/pictures"], "https://nas.example/pictures/", "anna"),
    ],
)
def test_it_prints_a_link_that_is_good_once(file, invitations, capsys, flags, url, name):
    assert invite.main(["--key-file", file, *flags]) == 0
    printed = capsys.readouterr().out
    found = LINK.search(printed)
    assert found
    assert found[1] == url
    assert invitations.use(found[2], door_keys()) == name
    assert ANNA not in printed
    assert len(printed.splitlines()) == 2  # no QR code for what is no terminal


def test_the_servers_environment_variables_count(file, capsys, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_KEY_FILE", file)
    monkeypatch.setenv("LOOKALIKE_HOST", "192.168.1.7")
    monkeypatch.setenv("LOOKALIKE_PORT", "8123")
    assert invite.main([]) == 0
    assert "  http://192.168.1.7:8123/invitation/" in capsys.readouterr().out


def test_for_all_addresses_the_link_has_one_that_others_see(file, capsys):
    for flags in ([], ["--host", "0.0.0.0"]):
        assert invite.main(["--key-file", file, *flags]) == 0
        printed = capsys.readouterr().out
        assert "://0.0.0.0" not in printed
        assert "://127." not in printed


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "no key file is named. Name the server's with --key-file."),
        (["--key-file", "/nothing"], "the key file /nothing cannot be read: No such file"),
        (["--key-file", "FILE", "--name", "eve"], "no key has the name eve. There are: anna, bert"),
    ],
)
def test_what_it_cannot_do_is_a_sentence(file, capsys, flags, sentence):
    assert invite.main([file if each == "FILE" else each for each in flags]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"scripts/invite: {sentence}")
    assert printed.out == ""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("url", "has_code"), [("http://10.0.0.1:8000/", True), ("http://127.0.0.1:8000/", False)]
)
def test_a_terminal_shows_the_code_of_what_a_phone_can_reach(monkeypatch, url, has_code):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    invite.show(url, ANNA)
    lines = terminal.getvalue().splitlines()
    assert (len(lines) > 20) is has_code
    assert max(map(len, lines)) < 120


def modules(code: str) -> list[list[bool]]:
    """The dark squares of a printed code, two rows in each line."""
    upper = {" ": True, "▄": True, "▀": False, "█": False}
    lower = {" ": True, "▀": True, "▄": False, "█": False}
    lines = [
        line.removeprefix(invite.COLORS).removesuffix(invite.PLAIN) for line in code.split("\n")
    ]
    return [[half[each] for each in line] for line in lines for half in (upper, lower)]


def test_the_code_is_the_links_with_a_quiet_edge_and_colours_that_cameras_read(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    link = f"http://192.168.1.7:8000/invitation/{'x' * 63}"
    rows = modules(invite.qr_code(link))
    expected = segno.make(link, error="l", micro=False, boost_error=False)
    matrix = [list(map(bool, row)) for row in expected.matrix_iter(border=4)]
    assert rows[: len(matrix)] == matrix
    assert len(rows) - len(matrix) <= 1


def test_a_terminal_without_blocks_gets_the_code_in_spaces(monkeypatch):
    terminal = Terminal()
    terminal.encoding = "ascii"
    monkeypatch.setattr(sys, "stdout", terminal)
    assert invite.qr_code("http://192.168.1.7:8000/").isascii()
