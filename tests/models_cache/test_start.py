from argparse import Namespace

import pytest
import torch

from models_cache.catalog import Family
from models_cache.start import CannotStart, choose_for

pytestmark = pytest.mark.tiny


def test_a_program_that_stays_offline_ends_with_the_sentence_of_its_download(
    hub, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = Namespace(models="auto", generator="org/absent", device="cpu")
    with pytest.raises(CannotStart) as caught:
        choose_for(Family.SDXL, options)
    assert str(caught.value).startswith("The hub has no org/absent, or hides it: look at its")
    assert str(caught.value).endswith("\n    scripts/download_models --generator org/absent")
    assert hub.requests == ["GET /api/models/org/absent"]  # and nothing else
    assert capfd.readouterr().err == ""
    assert not torch.cuda.is_initialized()
