"""Every file among Pillow's own test images, through the page: sound, odd, broken and hostile."""

import re
import time
import warnings
from collections.abc import Iterator

import pytest
from elsewhere import model_of
from web_client import SECONDS, alert, job_of, upload

from generator.job import Succeeded
from scripts.pictures.source import NoPictures, pictures

pytestmark = [pytest.mark.pictures, pytest.mark.slow]

# Of the processor's, which other work does not lengthen. The slowest takes half of one.
MOST_CPU_SECONDS = 5
SOUND = 690  # 700 with AVIF
ONE_SENTENCE = re.compile(r"[A-Z][^.?!<>\n]+[a-z]\.")


@pytest.fixture
def files() -> Iterator[tuple[str, bytes]]:
    try:
        return iter(list(pictures()))
    except NoPictures as error:
        pytest.skip(str(error))


def complaint(response) -> str | None:
    """What is wrong with a refusal."""
    sentence = alert(response)
    if response.status_code != 400 or response.text.count('role="alert"') != 1:
        return f"{response.status_code} {response.text[-500:]}"
    return None if sentence and ONE_SENTENCE.fullmatch(sentence) else f"says {sentence!r}"


def test_each_is_painted_after_or_refused_in_one_sentence(client, services, files):
    model_of(services.captioner).poison = None  # some of these begin in red
    wrong, painted = {}, 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module="PIL")  # as the server does
        for name, data in files:
            before = time.process_time()
            response = upload(client, data)
            if response.status_code == 303:
                job = job_of(services, response)
                painted += isinstance(job.wait(SECONDS), Succeeded)
                assert client.get(f"{response.location}/original.jpg").status_code == 200, name
            elif said := complaint(response):
                wrong[name] = said
            if (seconds := time.process_time() - before) > MOST_CPU_SECONDS:
                wrong[name] = f"took {seconds:.1f} s"
            if warned:
                wrong[name] = f"warned: {warned[0].message}"
                warned.clear()
    assert not wrong
    assert painted >= SOUND
