"""The models' cards: how they were made, and how they were judged."""

import torch
from torch import nn

from scripts.demo_models import model_cards
from scripts.demo_models.run import Run

FIGURES = [("captions of drawn scenes", "9 of 10 right (90.0 %)")]


def trained(folder) -> Run:
    def loss(model, rng):
        return model(torch.ones(2, 4)).square().mean()

    run = Run("part", nn.Linear(4, 1), loss, 2, 3, 1e-2, folder, torch.device("cpu"))
    run.train()
    return run


def test_a_card_tells_the_recipe_and_the_figures_of_the_run(tmp_path):
    folder = tmp_path / "captioner"
    folder.mkdir()
    run = trained(tmp_path)
    model_cards.write(folder, [run])
    card = (folder / "README.md").read_text()
    assert card.startswith("# Lookalike demo captioner\n")
    assert f"| part | 0.0 M | 3 | 2 | 0.01 | 0 | {sum(run.losses) / 3:.4f} | 0 |" in card
    assert "CPU" in card


def test_what_the_judges_found_takes_the_place_of_what_they_found_before(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("# A model\n")
    model_cards.record(tmp_path, [("old", "0 of 10 right (0.0 %)")], 50, 1)
    model_cards.record(tmp_path, FIGURES, 14, 3.5)
    text = card.read_text()
    assert text.startswith("# A model\n")
    assert text.count("## Judged") == 1
    assert "| captions of drawn scenes | 9 of 10 right (90.0 %) |" in text
    assert "images of 14 steps at guidance 3.5" in text
    assert "old" not in text
