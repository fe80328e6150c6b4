"""torch.compile of one size: any number of rows, and never in a request's way."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from generator.fast import compiled
from generator.fast.compiled import Compiled
from generator.fast.graphs import Graphs
from models_cache.runtime.trial import NotNow

ROOT = Path(__file__).parents[3]
SIZE = (4, 6)


class Net(nn.Module):
    def forward(self, sample, timestep, encoder_hidden_states=None):
        return sample * timestep.view(-1, 1, 1, 1)


@pytest.fixture
def compilations(monkeypatch):
    """The calls of what torch.compile would have made, instead of a compilation."""
    calls = []

    def compile(function, fullgraph):
        assert fullgraph
        return lambda *args, **options: calls.append(len(args[0])) or function(*args, **options)

    monkeypatch.setattr(torch, "compile", compile)
    return calls


def run(module, rows, size=SIZE):
    return module(torch.ones(rows, 1, *size), torch.full((rows,), 3.0))


def ahead():
    """A process that has compiled, or says that it has."""
    return [sys.executable, "-c", ""]


def prepared(net, made=ahead, graphs=None):
    candidate = Compiled("Net", net, SIZE, made, graphs or Graphs("Net", net))
    until = time.monotonic() + 60
    while not candidate.is_prepared() and time.monotonic() < until:
        time.sleep(0.01)
    return candidate


def test_only_its_own_size_with_more_than_one_row_is_compiled(compilations):
    net = Net()
    candidate = prepared(net)
    candidate.turn_on()
    assert run(net, 2).sum() == 2 * 3 * 24
    run(net, 8)
    run(net, 1)
    run(net, 2, size=(6, 4))
    assert compilations == [2, 8]
    candidate.turn_off()
    run(net, 2)
    assert compilations == [2, 8]


def test_it_is_compiled_once_however_often_it_is_turned_on(compilations, monkeypatch):
    net = Net()
    candidate = prepared(net)
    candidate.turn_on()
    candidate.turn_off()
    monkeypatch.setattr(torch, "compile", None)
    candidate.turn_on()
    run(net, 2)
    assert compilations == [2]


class Tape:
    """In place of a CUDA graph: what it replays, and how often."""

    def __init__(self):
        self.captured = 0
        self.replayed = 0

    def __call__(self, call):
        self.captured += 1
        result = call()

        def replay():
            self.replayed += 1
            result.copy_(call())

        return replay, result


def test_it_lies_beneath_graphs_which_keep_both_ways_until_one_is_adopted(compilations):
    net, tape = Net(), Tape()
    graphs = Graphs("Net", net, tape)
    candidate = prepared(net, graphs=graphs)
    candidate.turn_off()  # what is off
    graphs.turn_on()
    for _ in range(3):
        candidate.turn_off()
        run(net, 2)
        candidate.turn_on()
        run(net, 2)
    assert (tape.captured, tape.replayed) == (2, 4)
    assert compilations == [2, 2, 2, 2]  # once as it came first, and the tape's three calls
    graphs.forget_unused()
    candidate.turn_off()
    run(net, 2)
    run(net, 2)
    assert tape.captured == 3
    candidate.turn_on()
    run(net, 2)
    assert tape.captured == 3
    graphs.turn_off()
    candidate.turn_off()
    assert net.forward == Net.forward.__get__(net)


def test_what_is_not_compiled_ahead_is_not_turned_on():
    net = Net()
    candidate = Compiled("Net", net, SIZE, lambda: ["sleep", "60"], Graphs("Net", net))
    with pytest.raises(NotNow, match="it is not compiled yet"):
        candidate.turn_on()
    candidate._process.kill()
    candidate._process.wait()
    assert candidate.is_prepared()


def test_it_is_prepared_once_its_process_has_ended(monkeypatch):
    state = SimpleNamespace(poll=lambda: None, communicate=lambda: None)
    started = []
    monkeypatch.setattr(
        compiled.subprocess, "Popen", lambda command, **_: started.append(command) or state
    )
    candidate = Compiled("Net", Net(), SIZE, lambda: ["compile", "it"], Graphs("Net", Net()))
    assert not candidate.is_prepared()
    assert not candidate.is_prepared()
    state.poll = lambda: 0
    assert candidate.is_prepared()
    assert candidate.is_prepared()
    assert started == [["compile", "it"]]


FAILS = "import sys; print('a trace', file=sys.stderr); sys.exit('no compiler')"


def cannot():
    raise OSError("no process can be started")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: None, "there is no room to compile it ahead"),
        (cannot, "nothing can be compiled ahead"),
        (lambda: [sys.executable, "-c", FAILS], "its compiler ended with exit code 1: no compiler"),
    ],
)
def test_what_cannot_be_compiled_ahead_is_refused_and_why(made, why, compilations):
    net = Net()
    candidate = prepared(net, made)
    with pytest.raises(NotNow, match=re.escape(why)):
        candidate.turn_on()
    run(net, 2)
    assert compilations == []


PROGRAM = """
import json
import sys
import torch
from diffusers import UNet2DConditionModel
from pathlib import Path
from tiny import TINY_INFO, tiny_pipeline
from torch._dynamo.utils import counters
from generator.fast.bench import UNetBench
from generator.fast.compiled import compiled
from generator.fast.trials import order
from generator.sdxl import SDXL

pipeline = tiny_pipeline(Path(sys.argv[1]))
# Of one block, as each takes the compiler many seconds.
one_block = {
    "down_block_types": ["CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D"],
    "mid_block_type": None,
    "block_out_channels": [16],
    "attention_head_dim": [2],
}
pipeline.unet = UNet2DConditionModel.from_config({**pipeline.unet.config, **one_block})
sdxl = SDXL(pipeline, TINY_INFO)
with torch.inference_mode():
    samples = sdxl.prepare([TINY_INFO.request("a house", seed=seed) for seed in range(3)])
    bench = UNetBench(pipeline.unet, samples, step_bytes=1)
    ahead = order(pipeline.unet, bench.inputs.first(2), [2, 3, 6], False, [])
    if sys.argv[2] == "order":
        print(json.dumps(ahead.command()))
        sys.exit()
    plain = bench.outputs()
    pipeline.unet.forward = compiled(pipeline.unet.forward, ahead.size)
    assert bench.difference(plain, bench.outputs()) == ""
    bench.seconds(6)
    bench.seconds(4)
assert counters["stats"]["unique_graphs"] == 1, counters
assert counters["inductor"]["fxgraph_cache_hit"] == 1, counters
assert counters["inductor"]["fxgraph_cache_miss"] == 0, counters
"""


def printed(command: list[str], cache: Path) -> str:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    own = {"TORCHINDUCTOR_CACHE_DIR": str(cache), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        env={**os.environ, **own},
        cwd=ROOT,
        stdin=subprocess.PIPE,  # it ends with whoever holds the other end
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.wait(600) == 0, process.stderr.read()
        return process.stdout.read()


@pytest.mark.slow
@pytest.mark.tiny
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs g++")
def test_one_compilation_serves_every_batch_and_another_process_can_make_it(tmp_path: Path):
    """With the real compiler: the order's process fills the cache, and this one only reads it."""
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "tiny")]
    order = json.loads(printed([*program, "order"], tmp_path / "cache"))
    printed(order, tmp_path / "cache")
    printed([*program, "here"], tmp_path / "cache")
