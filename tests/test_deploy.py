"""The files with which others run the server: Containerfile, compose.yaml, the systemd unit."""

import configparser
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from models_cache.store import Store
from webapp.limits import Limits
from webapp.server import CUT
from webapp.settings import Settings

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "docs" / "lookalike.service"
CLONE = "/opt/lookalike"  # where the unit expects it
HOME = "/lookalike"  # where the image has it


@pytest.fixture(scope="module")
def image() -> DockerfileParser:
    content = (ROOT / "Containerfile").read_bytes()
    return DockerfileParser(fileobj=io.BytesIO(content))


@pytest.fixture(scope="module")
def container() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(UNIT)
    return parser["Service"]


def values(image: DockerfileParser, instruction: str) -> list[str]:
    return [each["value"] for each in image.structure if each["instruction"] == instruction]


def copies(image: DockerfileParser) -> list[tuple[str, str]]:
    """Each file or folder that is copied, and where it goes."""
    words = [value.split() for value in values(image, "COPY")]
    return [(source, target) for *sources, target in words for source in sources]


def is_ignored(path: str) -> bool:
    """Of a path in the clone, by .dockerignore, where the last line that matches decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern, parts = line.removeprefix("!"), Path(path)
        if any(fnmatch(str(each), pattern) for each in (parts, *parts.parents[:-1])):
            ignored = not line.startswith("!")
    return ignored


def test_what_is_copied_into_the_image_is_there_and_not_ignored(image):
    sources = [source for source, _ in copies(image)]
    assert {"captioner", "generator", "models_cache", "webapp"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source


@pytest.mark.parametrize(
    "path", [".git", ".venv", "keys", "models_cache/hub/models--a--b", "models_cache/compiled/x"]
)
def test_weights_keys_and_history_stay_out_of_the_image(path):
    assert is_ignored(path)


def test_the_demo_models_and_every_requirement_are_in_the_image(image):
    assert not is_ignored("models_cache/demo/blip/config.json")
    needed = {file.name for file in ROOT.glob("requirements-*.txt")}
    needed -= {f"requirements-{name}.txt" for name in ("clients", "dev", "peers")}
    assert needed <= {source for source, _ in copies(image)}


def test_the_scripts_in_the_image_find_all_that_they_call(image, tmp_path):
    for source, target in copies(image):
        place = tmp_path / target / ("" if target.rstrip("/") == source else Path(source).name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_file():
            shutil.copy(ROOT / source, place)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    shutil.copy(
        tmp_path / "requirements-cuda.txt", python.parents[1] / "installed-requirements-cuda.txt"
    )
    entrypoint = json.loads(values(image, "ENTRYPOINT")[0])
    modules = {"serve": "webapp", "invite": "webapp.invite", "download_models": "models_cache"}
    assert entrypoint == [f"{HOME}/scripts/serve"]
    for name, module in modules.items():
        done = subprocess.run(
            [tmp_path / "scripts" / name, "x"], capture_output=True, text=True, timeout=60
        )
        assert (done.stdout, done.stderr) == (f"-m {module} x\n", "")


def test_the_image_runs_as_an_ordinary_user_who_owns_the_volumes(image, container):
    volumes = json.loads(values(image, "VOLUME")[0])
    created = re.search(r"install -d -o (\w+) -m 700 (.*)", values(image, "RUN")[-1])
    assert created
    assert [f"{HOME}/{folder}" for folder in created[2].split()] == volumes
    assert f"useradd --uid {values(image, 'USER')[-1]} " in values(image, "RUN")[-1]
    mounts = dict(mount.split(":") for mount in container["services"]["lookalike"]["volumes"])
    assert sorted(mounts.values()) == sorted(volumes)
    assert mounts.keys() == container["volumes"].keys()


def test_what_the_server_writes_is_in_a_volume_or_a_folder_of_the_service(image, service):
    folders = [Store().hub, Store().folder / "compiled"]
    written = [folder.relative_to(ROOT).as_posix() for folder in folders]
    volumes = json.loads(values(image, "VOLUME")[0])
    assert {f"{HOME}/{folder}" for folder in written} < set(volumes)
    assert str(Path(image.envs["LOOKALIKE_KEY_FILE"]).parent) in volumes
    assert service["BindPaths"] == f"%C/{service['CacheDirectory']}:{CLONE}/{written[1]}"
    assert service["Environment"].endswith(f"=%S/{service['StateDirectory']}/keys")


def test_every_setting_is_one_that_the_server_takes(image, container, service):
    compose = container["services"]["lookalike"]["environment"]
    told = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in compose.items()}
    name, _, value = service["Environment"].partition("=")
    inside = dict(image.envs)
    for environ in (inside, inside | told, {name: value}):
        ours = {each.removeprefix("LOOKALIKE_").lower() for each in environ}
        assert ours <= set(Settings.__dataclass_fields__)
        assert Settings.read([], environ).key_file is not None
    assert Settings.read([], inside).host == "0.0.0.0"
    assert Settings.read([], {name: value}).host == Settings().host


def test_the_ports_are_the_server_s(image, container):
    ports = [str(Settings().port), str(Settings().api_port)]
    assert values(image, "EXPOSE") == [" ".join(ports)]
    assert container["services"]["lookalike"]["ports"] == [f"{port}:{port}" for port in ports]


def test_a_stop_leaves_time_for_the_drain(image, container, service):
    seconds = container["services"]["lookalike"]["stop_grace_period"], service["TimeoutStopSec"]
    for each in seconds:
        assert int(each.removesuffix("s")) >= Limits().drain_seconds + 10
    assert values(image, "STOPSIGNAL") == ["SIGTERM"]


def test_the_service_starts_anew_unless_that_would_be_in_vain(service):
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["SuccessExitStatus"] == f"{CUT} {128 + signal.SIGTERM}"


def test_the_service_names_files_of_the_clone(service):
    named = re.findall(rf"{CLONE}/([\w./-]+)", UNIT.read_text("utf-8"))
    assert service["ExecStart"] == f"{CLONE}/scripts/serve"
    assert len(named) == 3
    for path in named:
        assert (ROOT / path).exists() or path == "models_cache/compiled"


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_image_asks_for_health_where_the_server_tells_it(image, status, code):
    [check] = values(image, "HEALTHCHECK")
    _, *command = json.loads(check[check.index("[") :])
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", command[-1]).groups()
    assert int(port) == Settings().port
    assert path == "/healthz"
    with HTTPServer(("127.0.0.1", 0), answering(status)) as server:
        Thread(target=server.handle_request, daemon=True).start()
        command[-1] = command[-1].replace(f":{port}/", f":{server.server_port}/")
        done = subprocess.run([sys.executable, *command], capture_output=True, timeout=60)
    assert done.returncode == code


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def systemd_analyze(unit: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Of the unit as it is for a clone that stands here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    unit.write_text(UNIT.read_text("utf-8").replace(CLONE, str(ROOT)), "utf-8")
    command = ["systemd-analyze", *arguments, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    done = systemd_analyze(tmp_path / UNIT.name, "verify", "--man=no")
    # It ends with 0 also if it ignores a line.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_calls_the_unit_s_exposure_small(tmp_path):
    done = systemd_analyze(tmp_path / UNIT.name, "security", "--offline=true", "--threshold=20")
    assert done.returncode == 0, done.stdout[-100:]
