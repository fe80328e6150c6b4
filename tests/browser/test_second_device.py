"""Another device of the network: it has an address of its own, and a real Chromium."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.demo, pytest.mark.slow]

OWN_NETWORK = ["unshare", "--map-root-user", "--net"]
PROGRAM = "tests/browser/second_device.py"


def can_have_networks() -> bool:
    command = [*OWN_NETWORK, "ip", "tuntap", "add", "dev", "any", "mode", "tun"]
    return bool(shutil.which("unshare")) and subprocess.run(command).returncode == 0


def test_a_phone_opens_its_invitation_sends_a_picture_and_gets_its_lookalike(tmp_path: Path):
    if not can_have_networks():
        pytest.skip("this system lets nobody make a network of its own")
    command = [*OWN_NETWORK, sys.executable, PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["before"], seen["asks"]) == (401, "Who is there?")
    assert seen["invited"] == "You are invited"
    assert seen["caption"] == "a red house by the sea"
    assert seen["size"] == [128, 128]
    assert sorted(seen["cookie"]) == [
        ["lookalike_session", True, "Strict"],
        ["mine", True, "Strict"],
    ]
    assert seen["again"] == 410  # the invitation is used
    [host] = seen["hosts"]
    assert host.startswith("10.77.0.1:")
    printed = "".join(seen["printed"])
    assert f"The page:  http://{host}/\n" in printed
    assert "Authorization: Bearer KEY" in printed
    name, key = (tmp_path / "keys").read_text().split()
    assert key not in printed + done.stderr
