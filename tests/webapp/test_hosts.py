"""The names that a server answers to once it is there for others."""

import socket

import pytest
from shared_app import client_of

from webapp.hosts import Hosts, host_name
from webapp.settings import Settings

NAME = socket.gethostname().lower()
SHORT = NAME.partition(".")[0]
ALWAYS = ["localhost", "127.0.0.1", "::1", "127.0.0.2"]
NEVER = ["", "evil.example", "192.168.1.7.evil.example", f"{SHORT}.evil.example", "0.0.0.0", "::"]


@pytest.mark.parametrize("name", ALWAYS)
def test_loopback_is_always_answered(name):
    for hosts in (Hosts(), Hosts.of("0.0.0.0", ()), Hosts.of("192.168.1.7", ())):
        assert hosts.answer_to(name)


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_a_server_on_all_addresses_answers_to_each_of_them_and_to_its_names(bound):
    hosts = Hosts.of(bound, ["photos.example.org"])
    own = [NAME, SHORT, f"{SHORT}.local"]
    for name in ["192.168.1.7", "10.0.0.1", "fe80::1", "photos.example.org", *own]:
        assert hosts.answer_to(name), name
    for name in [*NEVER, "example.org", "a.photos.example.org", "192.168.1", "1"]:
        assert not hosts.answer_to(name), name


def test_a_server_on_one_address_answers_to_that_one():
    hosts = Hosts.of("192.168.1.7", ())
    assert hosts.answer_to("192.168.1.7")
    assert hosts.answer_to(SHORT)
    for name in [*NEVER, "192.168.1.8", "10.0.0.1"]:
        assert not hosts.answer_to(name), name


def test_a_server_on_a_name_answers_to_that_name_as_browsers_write_it():
    assert Hosts.of("NAS.Example", ()).answer_to(host_name("nas.EXAMPLE:8000"))


def test_machines_and_containers_have_underscores_in_their_names(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "my_box")
    assert Hosts.of("0.0.0.0", ()).answer_to(host_name("my_box:8000"))


@pytest.mark.parametrize("name", [*NEVER, "192.168.1.7", SHORT, f"{SHORT}.local"])
def test_a_server_for_this_machine_alone_answers_to_nothing_but_loopback(name):
    if name not in ALWAYS:
        assert not Hosts().answer_to(name)


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["", "lookalike_1:8000", "evil.example"])
def test_a_balancer_asks_for_health_by_any_name_or_none(client, address, host):
    """HTTP/1.0 has no Host, and a balancer may write the name of its list of servers there."""
    response = client.get(address, environ_overrides={"HTTP_HOST": host})
    assert (response.status_code, list(response.json)) == (200, ["status"])


def test_a_name_of_other_letters_has_the_origin_that_browsers_write(by_hand):
    host = "xn--bcher-kva.example:8000"
    client = client_of(by_hand, Settings(insecure_open=True, allowed_host=(host_name(host),)))
    for origin, status in ((f"http://{host}", 303), ("http://bücher.example:8000", 403)):
        sent = {"Host": host, "Origin": origin.encode().decode("latin-1")}
        assert client.post("/jobs/delete", headers=sent).status_code == status
