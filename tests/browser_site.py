"""What the browser tests visit, and how they hold its painter back."""

import threading
from dataclasses import dataclass

from webapp.services import Services

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SECONDS = 10


class Gate:
    """Lets the fake painter take so many steps, and no more."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def let(self, steps: int) -> None:
        self.steps.release(steps)

    def __call__(self, stage: str, prompt: str) -> None:
        if stage == "denoise" and not self.is_open:
            assert self.steps.acquire(timeout=SECONDS)


@dataclass(frozen=True)
class Site:
    url: str
    services: Services
    gate: Gate
