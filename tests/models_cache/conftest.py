"""A store of two empty caches, a hub on this machine, and downloads from one to the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from fake_hub import FakeHub, fake_hub
from huggingface_hub import constants, file_download
from huggingface_hub.utils import _http

from models_cache.download import Download
from models_cache.hub import Hub
from models_cache.store import Store


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "models_cache", tmp_path / "user" / "hub")


@pytest.fixture
def hub(monkeypatch) -> Iterator[FakeHub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # As the program does, before it imports the library.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    with fake_hub() as hub:
        yield hub


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def download(store, hub, said) -> Download:
    return Download(store, Hub(hub.url), said.lines.append)


@pytest.fixture
def _no_waiting(monkeypatch):
    """What huggingface_hub waits between its attempts."""
    for module in (file_download, _http):
        clock = SimpleNamespace(sleep=lambda _: None, time=module.time.time)
        monkeypatch.setattr(module, "time", clock)
