"""What a cluster of two replicas paints, loses and recovers, over HTTP."""

import base64
import signal
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy
import torch
from PIL import Image
from served import Answer, Served, kill, wait_until

from generator.engine import Engine
from generator.job import Succeeded
from generator.sdxl import SDXL
from models_cache.catalog import DEMO_GENERATOR
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store

SECONDS = 150
PROMPT = "a+red+house+by+the+sea"
LONG = 100  # steps


def pixels(answer: Answer) -> numpy.ndarray:
    assert answer.status == 200, answer.body
    data = base64.b64decode(str(answer.json["image"]))
    return numpy.asarray(Image.open(BytesIO(data)).convert("RGB"), dtype=int)


def is_like(one: numpy.ndarray, other: numpy.ndarray) -> bool:
    return bool(abs(one - other).max() <= 1)


def ask_at_once(served: Served, queries: list[str]) -> list["Future[Answer]"]:
    pool = ThreadPoolExecutor(len(queries))
    return [pool.submit(served.image, query) for query in queries]


def test_an_image_is_the_local_engine_s(served):
    engine = Engine(SDXL.load(Store().locate(DEMO_GENERATOR), Placement(torch.device("cpu"))))
    job = engine.submit(engine.info.request(PROMPT.replace("+", " "), seed=3))
    while not job.is_finished:
        engine.step()
    assert isinstance(job.outcome, Succeeded)
    here = numpy.asarray(job.outcome.image.convert("RGB"), dtype=int)
    assert is_like(pixels(served.image(f"prompt={PROMPT}&seed=3")), here)


def test_a_picture_becomes_its_words_and_an_image(served):
    with open("webapp/static/examples/a-red-house-by-the-sea.png", "rb") as file:
        request = urllib.request.Request(f"{served.page}/caption", data=file.read(), method="POST")
    request.add_header("Content-Type", "image/png")
    assert served.ask(request).json["caption"] == "a red house by the sea"


def test_a_replica_that_is_killed_loses_no_job(served):
    queries = [f"prompt={PROMPT}&seed={seed}&num_inference_steps={LONG}" for seed in range(8)]
    quiet = [pixels(served.image(query)) for query in queries[:2]]
    asked = ask_at_once(served, queries)
    before = served.replicas()
    assert len(before) == 2
    time.sleep(1)
    assert not any(each.done() for each in asked)
    kill(before[0])
    answers = [pixels(each.result(SECONDS)) for each in asked]
    assert all(is_like(one, other) for one, other in zip(quiet, answers, strict=False))
    wait_until(lambda: len(served.replicas()) == 2)


def test_all_that_are_killed_come_back_by_themselves(served):
    asked = ask_at_once(served, [f"prompt={PROMPT}&seed=1&num_inference_steps={LONG}"])
    time.sleep(0.5)
    assert not asked[0].done()
    for process_id in served.replicas():
        kill(process_id)
    wait_until(lambda: served.get("/healthz").status == 503)
    refused = served.image(f"prompt={PROMPT}")
    assert refused.status == 503
    assert b"No replica" in refused.body
    wait_until(served.is_ready)
    assert asked[0].result(SECONDS).status == 200
    assert served.image(f"prompt={PROMPT}").status == 200


def test_of_many_at_once_some_are_told_to_come_back_and_none_fails(served):
    answers = [each.result(SECONDS) for each in ask_at_once(served, 80 * [f"prompt={PROMPT}"])]
    codes = {answer.status for answer in answers}
    assert codes <= {200, 429}
    assert 200 in codes


def test_whoever_cancels_frees_the_replica(served):
    """Both replicas are full of images of very many steps, and then are not."""
    jobs = [begin(served) for _ in range(16)]
    wait_until(lambda: all(job_of(served, each)["status"] == "running" for each in jobs), SECONDS)
    for job in jobs:
        served.ask(urllib.request.Request(f"{job}/cancel", method="POST"))
    started = time.monotonic()
    assert served.image(f"prompt={PROMPT}&num_inference_steps=4").status == 200
    assert time.monotonic() - started < 10


def begin(served: Served) -> str:
    """The address of a new job of 200 steps."""
    boundary = "b"
    fields = {"prompt": "a house", "num_inference_steps": "200"}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**fields, "example": "a red house by the sea"}.items()
    ]
    data = ("".join(parts) + f"--{boundary}--\r\n").encode()
    request = urllib.request.Request(f"{served.page}/", data=data, method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return str(response.url)


def job_of(served: Served, address: str) -> dict[str, object]:
    return served.ask(urllib.request.Request(address)).json


def test_the_end_waits_for_what_is_painted(served):
    """The last: it ends the server."""
    asked = ask_at_once(served, [f"prompt={PROMPT}&seed=1&num_inference_steps={LONG}"])
    time.sleep(0.5)
    assert not asked[0].done()
    painters = served.replicas()  # later nothing tells whose they were
    assert painters
    served.process.send_signal(signal.SIGTERM)
    assert asked[0].result(SECONDS).status == 200
    assert served.process.wait(SECONDS) == 0
    wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in painters))
