"""``/metrics``, read as Prometheus reads it."""

from dataclasses import replace

import pytest
from door_keys import ANNA, bearer
from fakes import FAKE_INFO, FakeBlip
from prometheus_client import parser
from shared_app import client_of
from web_client import alert, job_of, picture, upload

from generator.job import Failed
from webapp import create_app
from webapp.services import GpuMemory, ModelCard
from webapp.settings import Settings


@pytest.fixture
def app_client(by_hand):
    return client_of(by_hand)


def scrape(client, **options):
    """The value of each sample, by its name and the values of its labels, in their names' order."""
    text = client.get("/metrics", **options).text
    families = list(parser.text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name.removeprefix("lookalike_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def paint(services, prompt, **parameters):
    job = services.generator.submit(FAKE_INFO.request(prompt, **parameters))
    while not job.is_finished:
        services.generator.step()
    return job


def test_it_is_plain_text_that_nobody_keeps(app_client):
    response = app_client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.text.endswith("\n")


def test_requests_are_counted_by_route_and_status(app_client, by_hand):
    job = job_of(by_hand, upload(app_client))
    for _ in range(3):
        app_client.get(f"/jobs/{job.id}")
    app_client.get("/jobs/unknown")
    app_client.get("/generate-image")
    samples = scrape(app_client)
    assert samples["requests_total", "pages.upload", "303"] == 1
    assert samples["requests_total", "jobs.show", "200"] == 3
    assert samples["requests_total", "jobs.show", "404"] == 1
    assert samples["requests_total", "generate_image.generate_image", "400"] == 1
    assert scrape(app_client)["requests_total", "metrics.show", "200"] == 1


@pytest.mark.slow
def test_no_client_makes_a_new_label(app_client):
    """Promise 21: whatever they ask for, the number of samples has an end."""
    app = app_client.application
    app_client.get("/nothing")
    app_client.open("/", method="BREW")
    app_client.get("/jobs/first")
    app_client.get("/static/first")
    app_client.get("/", headers={"Host": "first.example"})
    before = scrape(app_client).keys()
    for number in range(50):
        app_client.get(f"/nothing/{number}")
        app_client.open("/", method=f"BREW{number}")
        app_client.get(f"/jobs/{number}?x={number}", headers={"User-Agent": str(number)})
        app_client.get(f"/static/{number}")
        app_client.get("/", headers={"Host": f"{number}.example"})
    samples = scrape(app_client)
    assert (
        samples.keys() - before
        == {("requests_total", "metrics.show", "200")}
        | {("requests_created", "metrics.show", "200")} & samples.keys()
    )
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()} | {"unknown"}
    assert {route for name, route, *_ in requests_of(samples)} <= endpoints
    assert samples["requests_total", "unknown", "404"] == 51


def requests_of(samples):
    return [sample for sample in samples if sample[0] == "requests_total"]


def test_the_queue_is_told_as_it_is(app_client, by_hand):
    upload(app_client)
    for prompt in ("a house", "a cat"):
        by_hand.generator.submit(FAKE_INFO.request(prompt))
    samples = scrape(app_client)
    told = [samples[name,] for name in ("jobs", "jobs_waiting", "jobs_running", "captions_waiting")]
    assert told == [3, 2, 0, 1]
    by_hand.captioner.step()
    by_hand.generator.step()
    samples = scrape(app_client)
    told = [samples[name,] for name in ("jobs", "jobs_waiting", "jobs_running", "captions_waiting")]
    assert told == [3, 0, 3, 0]


def test_steps_images_captions_and_batches_are_counted(app_client, by_hand):
    upload(app_client)
    by_hand.captioner.step()
    paint(by_hand, "a house", num_inference_steps=4)
    samples = scrape(app_client)
    assert (samples["captions_total",], samples["images_total",]) == (1, 2)
    assert samples["steps_total",] == 8
    assert samples["batch_size_bucket", "1", "generator"] == 0
    assert samples["batch_size_bucket", "2", "generator"] == 4
    assert samples["batch_size_bucket", "8", "generator"] == 4
    assert samples["batch_size_bucket", "+Inf", "generator"] == 4
    assert samples["batch_size_count", "generator"] == 4
    assert samples["batch_size_sum", "generator"] == 8
    assert samples["batch_size_count", "captioner"] == 1


def test_the_time_of_each_phase_grows(app_client, by_hand):
    phases = ["caption", "prepare", "denoise", "preview", "decode"]
    samples = scrape(app_client)
    assert [samples["phase_seconds_total", phase] for phase in phases] == [0] * 5
    upload(app_client)
    by_hand.captioner.step()
    paint(by_hand, "a house")
    samples = scrape(app_client)
    assert all(samples["phase_seconds_total", phase] > 0 for phase in phases)


def test_as_many_jobs_end_as_were_accepted(app_client, by_hand):
    assert scrape(app_client)["jobs_accepted_total",] == 0
    cancelled = job_of(by_hand, upload(app_client))
    app_client.post(f"/jobs/{cancelled.id}/cancel")
    paint(by_hand, "a house")
    paint(by_hand, "fails in decode")
    samples = scrape(app_client)
    assert samples["jobs_accepted_total",] == 3
    statuses = "succeeded", "failed", "cancelled"
    assert [samples["jobs_ended_total", status] for status in statuses] == [1, 1, 1]


@pytest.mark.parametrize("stage", ["prepare", "denoise", "scheduler", "decode"])
def test_failures_are_counted_by_their_kind(app_client, by_hand, stage):
    assert scrape(app_client)["failures_total", stage] == 0
    assert isinstance(paint(by_hand, f"fails in {stage}").outcome, Failed)
    samples = scrape(app_client)
    assert samples["failures_total", stage] == 1
    assert sum(value for (name, *_), value in samples.items() if name == "failures_total") == 1


def test_want_of_memory_is_a_kind_of_its_own(app_client, by_hand):
    by_hand.generator.model.memory = 0
    paint(by_hand, "a house")
    samples = scrape(app_client)
    assert (samples["failures_total", "memory"], samples["failures_total", "denoise"]) == (1, 0)


def test_a_caption_that_fails_is_counted(app_client, by_hand):
    upload(app_client, picture(color=FakeBlip.poison))
    by_hand.captioner.step()
    samples = scrape(app_client)
    assert (samples["failures_total", "caption"], samples["captions_total",]) == (1, 0)


def test_gpu_memory_is_told_where_there_is_a_gpu(app_client, by_hand):
    assert ("gpu_memory_used_bytes",) not in scrape(app_client)
    services = replace(by_hand, gpu_memory=lambda: GpuMemory(1, 2, 3))
    samples = scrape(client_of(services))
    told = [samples[f"gpu_memory_{name}_bytes",] for name in ("used", "held", "total")]
    assert told == [1, 2, 3]


def test_build_and_models_are_told(by_hand):
    card = ModelCard("captioner", 'a "model"\n of ours', "cuda:0", "MIT")
    client = client_of(replace(by_hand, models=[card]))
    samples = scrape(client)
    assert samples["model_info", "cuda:0", card.name, "captioner"] == 1
    build = next(labels for name, *labels in samples if name == "build_info")
    assert len(build) == len(client.application.config["VERSIONS"])
    assert "3.1.3" in build  # Flask


def test_readiness_is_told(client, app_client):
    assert scrape(client)["ready",] == 1
    assert scrape(app_client)["ready",] == 0


def test_each_app_counts_for_itself(app_client, by_hand):
    app_client.get("/about")
    other = scrape(create_app(Settings(), by_hand).test_client())
    assert ("requests_total", "about.about", "200") not in other


def test_with_a_key_file_it_needs_a_key(locked):
    response = locked.get("/metrics")
    assert response.status_code == 401
    assert "lookalike_" not in response.text
    assert ("jobs",) in scrape(locked, headers=bearer(ANNA))


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_where_all_are_let_in_nobody_is_told(by_hand, path):
    client = client_of(by_hand, Settings(insecure_open=True))
    response = client.get(path)
    assert response.status_code == 403
    assert alert(response) == (
        "This is for the server's owner: it opens with a key, if there is a --key-file."
    )
    assert client.get("/about").status_code == 200
    assert "/status" not in client.get("/about").text
