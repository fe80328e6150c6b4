"""Publishes how images look on their way; an image itself needs none."""

import logging
from collections.abc import Sequence

from generator.job import Job
from generator.model import Previewing, Sample, is_time_for_a_preview

log = logging.getLogger(__name__)


class Previews:
    """For the engine's thread."""

    def __init__(self) -> None:
        self._failed = False

    def publish(self, model: object, batch: Sequence[tuple[Job, Sample]]) -> None:
        """For each job that has one due, if the model can show any."""
        if not isinstance(model, Previewing):
            return
        for job, sample in batch:
            if is_time_for_a_preview(sample) and not job.is_finished:
                self._publish(model, job, sample)

    def _publish(self, model: Previewing, job: Job, sample: Sample) -> None:
        try:
            image = model.preview(sample)
        except Exception:
            if not self._failed:
                log.warning("a preview failed; if others do, the log is silent", exc_info=True)
            self._failed = True
            return
        if image is not None:
            job.publish_preview(sample.step_index, image)
