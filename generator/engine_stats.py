"""The engine's present and past work, in numbers."""

from dataclasses import dataclass

# The engine's calls to a model, whose time it takes.
PHASES = ("prepare", "denoise", "preview", "decode", "trial")
# In which a job can fail.
STAGES = ("prepare", "denoise", "scheduler", "decode")


@dataclass(frozen=True, slots=True)
class EngineStats:
    """``jobs`` counts those reserved that have not ended; the totals count from the start."""

    jobs: int
    waiting: int
    running: int
    last_batch_size: int
    total_steps: int
    total_images: int
    total_failures: int
