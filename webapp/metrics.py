"""``/metrics``: what Prometheus asks for. No label takes values that clients choose."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import cast

import prometheus_client
from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from generator.ledger import Ledger
from models_cache.runtime.tally import Totals
from webapp.access import method_and_route
from webapp.dialects.description import TEXT, Description, described
from webapp.services import Services, services

bp = Blueprint("metrics", __name__)

BATCH_SIZES = (1, 2, 4, 8)  # the bounds of a histogram's buckets


class Metrics:
    """Of one app. Requests are counted here; what engines count is read at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "lookalike_requests",
            "Requests answered.",
            ["route", "status"],
            registry=self.registry,
        )
        self.registry.register(_Engines())
        ProcessCollector(registry=self.registry)


def init_app(app: Flask) -> None:
    app.extensions["metrics"] = Metrics()
    app.after_request(_count)


def _count(response: Response) -> Response:
    _, route = method_and_route(request)
    metrics().requests.labels(route, response.status_code).inc()
    return response


def metrics() -> Metrics:
    """Those of the current app."""
    return cast(Metrics, current_app.extensions["metrics"])


@bp.get("/metrics")
@described(Description(answers=(TEXT,)))
def show() -> Response:
    """What Prometheus asks for, in its text format."""
    response = Response(generate_latest(metrics().registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response.headers["Cache-Control"] = "no-store"
    return response


class _Engines(Collector):
    """Asks the current app's services at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        now = services()
        yield from _queue(now)
        yield from _ledger(now.generator.ledger)
        engines = (now.captioner, now.generator)
        totals = {engine.name: engine.tally.totals() for engine in engines}
        yield from _work(now, totals.values())
        yield _batches(totals)
        yield from _memory(now)
        yield from _build(now)


def _queue(now: Services) -> Iterator[Metric]:
    stats = now.generator.stats()
    yield _gauge("ready", "Whether both models are warm.", now.are_ready)
    yield _gauge("jobs", "Jobs under way, those that wait for a caption too.", stats.jobs)
    yield _gauge("jobs_waiting", "Jobs that wait for the generator.", stats.waiting)
    yield _gauge("jobs_running", "Jobs that are painted now.", stats.running)
    if (replicas := now.generator.replicas) is not None:
        yield _gauge("replicas", "Replicas of the painter that can be reached.", replicas)
    yield _gauge("captions_waiting", "Pictures that wait for a caption.", now.captioner.waiting)


def _ledger(ledger: Ledger) -> Iterator[Metric]:
    yield _counter("jobs_accepted", "Jobs that got a place in the queue.", ledger.accepted)
    ended = CounterMetricFamily("lookalike_jobs_ended", "Jobs that ended.", labels=["status"])
    for status, count in ledger.ended.items():
        ended.add_metric([status], count)
    yield ended


def _work(now: Services, totals: Iterable[Totals]) -> Iterator[Metric]:
    captions, images = totals
    yield _counter("steps", "Denoising steps of all images.", now.generator.stats().total_steps)
    yield _counter("captions", "Captions made.", captions.made)
    yield _counter("images", "Images made.", images.made)
    seconds = CounterMetricFamily(
        "lookalike_phase_seconds", "Seconds that the models took.", labels=["phase"]
    )
    for phase, taken in (captions.seconds | images.seconds).items():
        seconds.add_metric([phase], taken)
    yield seconds
    failures = CounterMetricFamily(
        "lookalike_failures",
        "Captions and jobs that failed, by what failed; memory if that ran out.",
        labels=["kind"],
    )
    for kind, count in sum_of(captions.failures, images.failures).items():
        failures.add_metric([kind], count)
    yield failures


def sum_of(one: Counter[str], other: Counter[str]) -> dict[str, int]:
    """Unlike ``+``, which leaves out what is nought."""
    return {kind: one[kind] + other[kind] for kind in {**one, **other}}


def _batches(totals: dict[str, Totals]) -> Metric:
    family = HistogramMetricFamily(
        "lookalike_batch_size", "How many share a forward.", labels=["model"]
    )
    for model, each in totals.items():
        buckets = [
            (str(bound), sum(n for size, n in each.batches.items() if size <= bound))
            for bound in BATCH_SIZES
        ]
        whole = sum(size * count for size, count in each.batches.items())
        family.add_metric([model], [*buckets, ("+Inf", each.batches.total())], whole)
    return family


def _memory(now: Services) -> Iterator[Metric]:
    memory = now.gpu_memory()
    if memory is None:
        return
    yield _gauge("gpu_memory_used_bytes", "GPU memory of tensors.", memory.used)
    yield _gauge("gpu_memory_held_bytes", "GPU memory that is held for them.", memory.held)
    yield _gauge("gpu_memory_total_bytes", "GPU memory that there is.", memory.total)


def _build(now: Services) -> Iterator[Metric]:
    yield InfoMetricFamily(
        "lookalike_build", "Versions of what runs.", value=current_app.config["VERSIONS"]
    )
    models = InfoMetricFamily("lookalike_model", "The models.", labels=["role", "name", "device"])
    for each in now.models:
        models.add_metric([each.role, each.name, each.device], {})
    yield models


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lookalike_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"lookalike_{name}", meaning, value=value)
