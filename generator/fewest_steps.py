"""Which replica gets an image: the one with the fewest unfinished steps."""

from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import TypeVar

from generator.job import Job

Replica = TypeVar("Replica")


class Load:
    """The steps that each replica has before it. For any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[str, Job] = {}
        self._places: dict[str, Hashable] = {}

    def add(self, job: Job) -> None:
        """A job that is to be sent, until it ends. Whoever sends it again says so again."""
        with self._lock:
            self._jobs[job.id] = job
            self._places.pop(job.id, None)
        job.when_finished(lambda: self._remove(job.id))

    def place(self, job_id: str, replica: Hashable) -> None:
        with self._lock:
            if job_id in self._jobs:
                self._places[job_id] = replica

    def in_order(
        self,
        replicas: Iterable[Replica],
        name_of: Callable[[Replica], Hashable],
        job_id: str = "",
    ) -> list[Replica]:
        """Those with the fewest unfinished steps first, but for those of the job that is sent.

        It counts as placed with the first at once: others that are sent meanwhile go elsewhere.
        """
        with self._lock:
            self._places.pop(job_id, None)
            steps: dict[Hashable, int] = {}
            for each, place in self._places.items():
                steps[place] = steps.get(place, 0) + unfinished_steps(self._jobs[each])
            best = sorted(replicas, key=lambda replica: steps.get(name_of(replica), 0))
            if best and job_id in self._jobs:
                self._places[job_id] = name_of(best[0])
        return best

    def _remove(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)
            self._places.pop(job_id, None)


def unfinished_steps(job: Job) -> int:
    """Of a job that has its request."""
    if job.progress is not None:
        return job.progress.num_steps - job.progress.step
    return job.request.num_inference_steps if job.request else 0


LOAD = Load()  # of this process, which sends jobs
