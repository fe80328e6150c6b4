"""What earlier starts found on this device, so that none is tried twice in vain.

A trial that ended the whole process is known by its beginning alone. After the second it is never
tried again: else a server that starts anew by itself would end for ever. The first may have been a
stop that somebody asked for.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from models_cache.runtime.trial import Verdict

NOWHERE = Path(os.devnull)
BEGUN = "begun by process "
ENDED = "two earlier starts ended while it was tried"
ONCE_SLOWER = "{}, once slower"  # beside what is known of the candidate


class History:
    """``key`` names all that a verdict depends on: the card, its driver, torch, the checkpoint.

    Without a file, or with one that cannot be read or written, it knows of nothing.
    """

    def __init__(self, file: Path = NOWHERE, key: str = "") -> None:
        self.file = file
        self.key = key

    def why_not(self, name: str) -> str:
        """Why the candidate is not to be tried again; "" if it is."""
        known = str(self._known(self._read()).get(name, ""))
        return "" if known.startswith(BEGUN) else known

    def begin(self, name: str) -> None:
        """Another process, of another GPU, may be trying the same."""
        known = str(self._known(self._read()).get(name, ""))
        has_ended = known.startswith(BEGUN) and not is_running(int(known.removeprefix(BEGUN)))
        self._write(name, ENDED if has_ended else f"{BEGUN}{os.getpid()}")

    def end(self, verdict: Verdict) -> None:
        """Keeps the reason of one that is not adopted for good; others are judged at each start.

        What is only slower has to be so at two starts, as other work may have slowed it at one.
        """
        once = ONCE_SLOWER.format(verdict.name)
        is_new = verdict.slower and not self._known(self._read()).get(once)
        is_open = verdict.adopted or verdict.for_now or is_new
        if not verdict.for_now:
            self._write(once, verdict.why if is_new else "")
        self._write(verdict.name, "" if is_open else f"{verdict.why} (found earlier)")

    def take_back(self) -> None:
        """Forgets what this process has begun and not ended."""
        for name, known in self._known(self._read()).items():
            if known == f"{BEGUN}{os.getpid()}":
                self._write(name, "")

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


def is_running(process_id: int) -> bool:
    """Whether it is another process that runs. Windows does not tell it so."""
    if os.name == "nt":
        return False
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return process_id != os.getpid()
