"""The names that a server answers to once it is there for others."""

import socket

import pytest

from webapp.hosts import Hosts, host_name

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


@pytest.mark.parametrize("name", [*NEVER, "192.168.1.7", SHORT, f"{SHORT}.local"])
def test_a_server_for_this_machine_alone_answers_to_nothing_but_loopback(name):
    if name not in ALWAYS:
        assert not Hosts().answer_to(name)
