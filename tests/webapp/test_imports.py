"""Imports point one way, and the web needs no torch: proved by reading and by running."""

import ast
import os
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCH = {"torch", "torchvision", "transformers", "diffusers", "accelerate"}

# Runs in an interpreter that has imported nothing of ours.
SERVE_EVERY_ROUTE = """
import io, sys
from fakes import FakeBlip, PreviewingSDXL
from PIL import Image
import captioner.engine, generator.engine
from door_keys import ANNA, bearer, door_keys
from routes import BODIES, REFUSING, VALUES, address
from webapp import create_app, invitations
from webapp.job_store import JobStore
from webapp.server import Server, bind
from webapp.services import ModelCard, Services
from webapp.settings import Settings

services = Services(
    captioner.engine.Engine(FakeBlip()),
    generator.engine.Engine(PreviewingSDXL()),
    JobStore(),
    models=[ModelCard("generator", VALUES["name"], "cpu", "MIT")],
    keys=door_keys(),
)
services.captioner.start()
services.generator.start()
app = create_app(Settings.read([], {}), services)
client = app.test_client()
file = io.BytesIO()
Image.new("RGB", (20, 10)).save(file, "PNG")
file.seek(0)
uploaded = client.post("/", data={"image": (file, "a.png")}, headers=bearer(ANNA))
job_id = uploaded.location.rpartition("/")[2]
services.jobs.get(job_id).job.wait(10)
served = {"pages.upload"}
for rule in sorted(app.url_map.iter_rules(), key=lambda rule: "delete" in rule.endpoint):
    if rule.endpoint not in served:
        token = invitations.make(ANNA)
        path = address(rule.rule, job_id=job_id, token=token)
        method = "GET" if "GET" in rule.methods else "POST"
        fields = {"key": ANNA} if rule.endpoint == "door.enter" else {"prompt": "x"}
        body = BODIES.get(rule.endpoint, {"data": fields}) if method == "POST" else {}
        response = client.open(path + "?prompt=x", method=method, headers=bearer(ANNA), **body)
        expected = (400,) if rule.endpoint in REFUSING else (200, 303)
        assert response.status_code in expected, (path, response.status_code)
        served.add(rule.endpoint)
        response.close()
services.captioner.close()
services.generator.close()
print(*sorted(served))
print(*sorted(name for name in sys.modules if "." not in name))
"""


@pytest.mark.slow
def test_every_route_is_served_without_torch():
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVE_EVERY_ROUTE],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    served, imported = (set(line.split()) for line in ended.stdout.splitlines())
    assert {"pictures.image", "generate_image.generate_image", "health.readyz", "static"} <= served
    assert "flask" in imported
    assert not imported & {*TORCH, "c2pa", "cryptography"}


PACKAGES = ("captioner", "generator", "models_cache", "webapp")


@cache
def imports(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it, with what it takes out of them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages_of(modules):
    return {module.partition(".")[0] for module in modules}


def sources(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


@pytest.mark.parametrize(
    ("package", "unknown_to_it"),
    [
        ("captioner", {"flask", "werkzeug", "waitress", "webapp", "generator"}),
        ("generator", {"flask", "werkzeug", "waitress", "webapp", "captioner"}),
        ("models_cache", {"flask", "werkzeug", "waitress", "webapp", "captioner", "generator"}),
        ("webapp", {"diffusers", "transformers", "scripts"}),
    ],
)
def test_imports_point_one_way(package, unknown_to_it):
    for file in sources(package):
        assert not packages_of(imports(file)) & unknown_to_it, file


def test_models_meet_the_web_in_two_modules_alone():
    models = {"torch", "captioner.blip", "generator.sdxl", "generator.sample"}
    meet = {file.name for file in sources("webapp") if imports(file) & models}
    assert meet <= {"__main__.py", "models.py"}


@pytest.mark.parametrize("package", ["captioner", "generator", "webapp", "models_cache"])
def test_no_module_is_named_after_nothing(package):
    nothing = {"manager", "util", "utils", "helper", "helpers", "common", "misc", "base", "core"}
    assert not {file.stem for file in sources(package)} & (nothing | {"handler", "handlers"})


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def graph() -> dict[str, set[str]]:
    """Which of our modules each of our modules imports, anywhere in it; packages left out."""
    files = [file for package in PACKAGES for file in sources(package) if file.stem != "__init__"]
    named = {module_of(file): file for file in files}
    return {name: imports(file) & (named.keys() - {name}) for name, file in named.items()}


def test_no_module_imports_itself_by_way_of_others():
    assert len(list(TopologicalSorter(graph()).static_order())) > 70  # else a CycleError names it


def test_what_lies_on_the_disk_knows_nothing_of_what_lives_in_the_process():
    """Nor does it know torch: choosing, checking and fetching need no model library."""
    for file in (ROOT / "models_cache").glob("*.py"):
        modules = imports(file)
        assert not {name for name in modules if name.startswith("models_cache.runtime")}, file
        assert not packages_of(modules) & {"torch", "transformers", "diffusers"}, file


def test_models_cache_stays_small():
    assert len([file for file in sources("models_cache") if file.stem != "__init__"]) <= 27
