"""The milliseconds that the web adds to an image: the server's threads beside bare engines."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import captioner.engine
import generator.engine
from scripts.benchmarks.comparison import Comparison
from scripts.benchmarks.server_process import Server
from scripts.benchmarks.web import both_routes
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.loading import load_warm
from scripts.gpu_reports.subject import Subject
from webapp import create_app, server
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.services import Services
from webapp.settings import Settings

# Few, so that what they vary by does not cover what the web adds.
STEPS = 4


def measure(subject: Subject) -> Iterator[Finding]:
    loaded = load_warm(subject)
    plan = replace(subject.plan, steps=STEPS, repeat=4 * subject.plan.repeat)
    with (
        loaded.captioning() as captions,
        loaded.painting() as images,
        serving(captions, images) as served,
    ):
        for comparison in both_routes(served, captions, images, plan):
            yield added(comparison)


@contextmanager
def serving(captions: captioner.engine.Engine, images: generator.engine.Engine) -> Iterator[Server]:
    """The server in this process, with the engines that it is compared with."""
    app = create_app(Settings(), Services(captions, images, JobStore()))
    web = server.Server(app, server.bind("127.0.0.1", [0, 0]), Limits(threads=8))
    thread = threading.Thread(target=web.run, name="server")
    thread.start()
    page_port, api_port = web.ports
    try:
        yield Server(0.0, page_port, api_port, os.getpid())
    finally:
        web.stop()
        thread.join()


def added(comparison: Comparison) -> Finding:
    """By repetition, which measured both ways."""
    [figure] = comparison.figures
    alone, over_http = figure.values.values()
    milliseconds = [more - less for less, more in zip(alone, over_http, strict=True)]
    return Finding(f"{comparison.title} adds", milliseconds, "ms")
