"""What the engine has under way and behind it, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineStats:
    """``jobs`` counts what was reserved and has not ended; the totals count from the start."""

    jobs: int
    waiting: int
    running: int
    last_batch_size: int
    total_steps: int
    total_images: int
    total_failures: int
