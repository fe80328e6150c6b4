"""What the server's log says of jobs and of faults."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SHORT = 8  # as much of a job's id as the log has


@dataclass(slots=True)
class JobLog:
    """``lines`` is how many each job has, by the beginning of its id; ``ended`` how many by status.

    ``errors`` are the log's own, with their exceptions.
    """

    lines: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: Iterable[str]) -> "JobLog":
        """``text`` are the lines of ``--log-format json``; what is no JSON is of the start."""
        log = cls()
        for line in text:
            if line.startswith("{"):
                log._add(json.loads(line))
        return log

    def _add(self, told: dict[str, str]) -> None:
        if told.get("event") == "job":
            self.lines[told["job"]] += 1
            self.ended[told["status"]] += 1
        if told["level"] in ("ERROR", "CRITICAL"):
            exception = told.get("exception", "").splitlines()[-1:]
            self.errors.append(" ".join([told["message"], *exception]))
