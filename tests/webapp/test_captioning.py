"""A job tells of its picture's caption, whatever else is in its log."""

from web_client import caption_of

from generator.job import Failed, Job
from webapp.captioning import Captioned, Captioning, captioned


def test_a_job_is_captioning_until_it_has_its_caption_and_then_queued():
    job = Job()
    assert (job.status, caption_of(job)) == ("queued", None)
    job.publish(Captioning())
    assert (job.status, caption_of(job)) == ("captioning", None)
    job.publish(Captioned("a red house"))
    assert (job.status, caption_of(job)) == ("queued", "a red house")
    assert captioned(job).is_familiar is None
    job.publish(Failed("No."))
    assert (job.status, caption_of(job)) == ("failed", "a red house")
