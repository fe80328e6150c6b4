"""A training run: that a cut one goes on as if uncut, and that one says when it is not done."""

from pathlib import Path

import pytest
import torch
from torch import nn

from scripts.demo_models.run import Run

CPU = torch.device("cpu")
STEPS = 6


class Cut(Exception):
    pass


def run(folder: Path, cut_at: int | None = None) -> Run:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)

    def loss(model, rng):
        if len(made.losses) == cut_at:
            raise Cut
        inputs = torch.randn(8, 4) + rng.random()
        return (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()

    made = Run("part", model, loss, 8, STEPS, 1e-2, folder, CPU, warmup_steps=2, save_every=2)
    return made


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


def test_a_cut_run_goes_on_from_its_checkpoint_and_ends_where_an_uncut_one_does(tmp_path):
    uncut = run(tmp_path / "uncut")
    expected = weights(uncut.train())
    with pytest.raises(Cut):
        run(tmp_path / "cut", cut_at=5).train()
    resumed = run(tmp_path / "cut")
    assert torch.equal(weights(resumed.train()), expected)
    assert resumed.losses == uncut.losses
    assert len(resumed.losses) == STEPS


def test_what_is_returned_is_the_average_and_not_the_last_step(tmp_path):
    made = run(tmp_path)
    assert not torch.equal(weights(made.train()), weights(made.model))


def test_a_run_that_was_not_trained_to_its_end_says_how_to_go_on(tmp_path):
    with pytest.raises(Cut):
        run(tmp_path, cut_at=3).train()
    with pytest.raises(RuntimeError, match=r"part has 2 of 6 steps: run scripts/train_demo part"):
        run(tmp_path).finished()


def test_the_learning_rate_rises_then_falls_to_a_twentieth(tmp_path):
    made = run(tmp_path)
    made.train()
    [rate] = made.schedule.get_last_lr()
    assert rate == pytest.approx(1e-2 / 20)
    assert made._rate(0) < made._rate(1) > made._rate(3) > made._rate(5)
