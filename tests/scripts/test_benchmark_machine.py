"""Who descends from a benchmark is no other, whoever else ended meanwhile."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# The shell leaves the second program behind.
PROGRAM = """
import os, subprocess, sys
from scripts.benchmarks.machine import OtherWork
others = OtherWork()
burns = "import time" + chr(10) + "while time.process_time() < 0.5: pass"
subprocess.run(["sh", "-c", '"$0" -c "$1" & exit', sys.executable, burns])
taken = others.cores()
print(sum(os.times()[2:4]), taken)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of orphans")
def test_whoever_outlives_its_parent_is_no_other():
    program = [sys.executable, "-c", PROGRAM]
    said = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seconds, taken = map(float, said.split())
    assert seconds >= 0.4  # of 0.5: times() rounds what each took down to ticks of 10 ms
    assert taken >= 0
