"""What earlier starts found on this device, so that none is tried twice in vain.

A trial that ended the whole process is known by its beginning alone, and never tried again: else a
server that starts anew by itself would end for ever.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from models_cache.runtime.trial import Verdict

NOWHERE = Path(os.devnull)
ENDED = "an earlier start ended while it was tried"


class History:
    """``key`` names all that a verdict depends on: the card, its driver, torch, the checkpoint.

    Without a file, or with one that cannot be read or written, it knows of nothing.
    """

    def __init__(self, file: Path = NOWHERE, key: str = "") -> None:
        self.file = file
        self.key = key

    def why_not(self, name: str) -> str:
        """Why the candidate is not to be tried again; "" if it is."""
        return str(self._known(self._read()).get(name, ""))

    def begin(self, name: str) -> None:
        self._write(name, ENDED)

    def end(self, verdict: Verdict) -> None:
        """Keeps the reason of one that was not adopted; others are judged anew at each start."""
        self._write(verdict.name, "" if verdict.adopted else f"{verdict.why} (found earlier)")

    def _read(self) -> dict[str, object]:
        try:
            every = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return every if isinstance(every, dict) else {}

    def _known(self, every: dict[str, object]) -> dict[str, object]:
        known = every.get(self.key)
        return known if isinstance(known, dict) else {}

    def _write(self, name: str, why: str) -> None:
        if self.file == NOWHERE:
            return
        every = self._read()
        every[self.key] = {**self._known(every), name: why}
        partial = self.file.with_suffix(f".{os.getpid()}")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(every, indent=1), "utf-8")
            partial.replace(self.file)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
