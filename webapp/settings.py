"""The settings of the server's owner, by flag or by environment variable."""

import argparse
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.request import (
    MAX_GUIDANCE_SCALE,
    MAX_STEPS,
    InvalidRequest,
    check_guidance_scale,
)
from models_cache.flags import (
    FastPath,
    Memory,
    Models,
    Precision,
    add_flag,
    add_model_flags,
    add_word_flag,
    add_yes_flag,
)
from webapp.hosts import host_name, is_loopback
from webapp.limits import Limits
from webapp.logs import LogFormat

MEGABYTE = 2**20
# Without a GPU, the first step of several of SDXL's images takes many minutes.
GPU_STEP_SECONDS, CPU_STEP_SECONDS = 300, 3600
# A body up to twice as large is read, and held in memory.
MOST_UPLOAD_MB = Limits.held_bodies_bytes // (2 * MEGABYTE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every default works on a laptop without a GPU or a network."""

    models: Models = Models.AUTO
    captioner: str | None = None  # a folder or hub id; overrides the one of ``models``
    generator: str | None = None
    device: str = "auto"  # as torch names devices: cpu, cuda, cuda:1
    memory: Memory = Memory.AUTO
    dtype: Precision = Precision.AUTO
    fast_path: FastPath = FastPath.AUTO
    num_inference_steps: int | None = None  # of who does not say; None is the checkpoint's
    guidance_scale: float | None = None
    engines: str | None = None  # "ray", or the address of a Ray cluster; None is this process
    replicas: int | None = None  # of each model; None is one a GPU
    max_replicas: int | None = None  # while there is much to do
    host: str = "127.0.0.1"
    port: int = 8000
    api_port: int = 5000
    step_timeout: int | None = None  # seconds; None goes by the device
    max_upload_mb: int = 20  # of one picture
    max_stored_jobs: int = 200
    max_stored_mb: int = 512  # of all stored jobs' pictures
    keep: Path | None = None  # a folder: jobs outlive the process
    max_kept_mb: int = 10_000
    max_kept_days: int = 30
    key_file: Path | None = None
    insecure_open: bool = False  # lets everybody in who can reach the server
    allowed_host: tuple[str, ...] = ()  # in lower case
    trusted_proxy: str | None = None  # an IP address
    log_format: LogFormat = LogFormat.TEXT
    log_prompts: bool = False
    no_marking: bool = False  # image files then do not say that a model made them
    c2pa_key: Path | None = None  # signs image files

    @classmethod
    def read(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> "Settings":
        """Reads flags, then environment variables, then defaults.

        Prints one sentence that names the flag and exits with 2 if a value is wrong.
        """
        parser = _parser(environ)
        options = parser.parse_args(arguments)
        if (exposed := _exposed(options)) and not (options.key_file or options.insecure_open):
            parser.error(
                f"argument {exposed}, and there is no key: add --key-file FILE, which is made if it"
                " is not there. (--insecure-open lets everybody in.)"
            )
        if options.c2pa_key and options.no_marking:
            parser.error("argument --c2pa-key: --no-marking leaves out what is to be signed.")
        if (options.engines or "").startswith("ray://"):
            parser.error(
                "argument --engines: Ray's client cannot follow a painting: have this machine join"
                " the cluster, and name its address, as HOST:6379 (docs/scaling.md)."
            )
        if options.engines and options.device.startswith("cuda:"):
            parser.error("argument --device: each replica has a GPU of its own: say cuda, or auto.")
        if (options.replicas or options.max_replicas) and not options.engines:
            parser.error("argument --replicas: the models run in this process: add --engines ray.")
        if (options.max_replicas or 1000) < (options.replicas or 1):
            parser.error(f"argument --max-replicas: must be at least {options.replicas}.")
        if options.port == options.api_port != 0:
            parser.error("argument --api-port: the page has this port: give each its own.")
        return cls(**vars(options))

    @property
    def is_guarded(self) -> bool:
        """Whether a key is needed, or the owner said that none is to be."""
        return self.key_file is not None or self.insecure_open

    def step_seconds(self, device_type: str) -> int:
        """After how many seconds a call of a model on such a device may be taken for hung."""
        by_device = CPU_STEP_SECONDS if device_type == "cpu" else GPU_STEP_SECONDS
        return self.step_timeout or by_device

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * MEGABYTE

    @property
    def max_stored_bytes(self) -> int:
        return self.max_stored_mb * MEGABYTE

    @property
    def max_kept_bytes(self) -> int:
        return self.max_kept_mb * MEGABYTE


def _exposed(options: argparse.Namespace) -> str:
    """How others can reach the server, for an error; "" if they cannot."""
    if not is_loopback(options.host):
        unlike = "unlike 127.0.0.1, localhost or ::1"
        return f"--host: {options.host} can be reached by others, {unlike}"
    if options.trusted_proxy is not None:
        return "--trusted-proxy: others can reach the server by the proxy"
    return (
        "--allowed-host: others can reach the server by that name" if options.allowed_host else ""
    )


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        description="Lookalike: upload a picture, read its caption, see a similar image.",
        epilog="Each flag is also an environment variable: LOOKALIKE_PORT=8001 is --port 8001."
        " scripts/serve --with EXTRA,... installs requirements-EXTRA.txt first.",
    )
    add_model_flags(parser, environ)
    fast = (
        "auto: tries what may make the captioner faster, and on CUDA, while nothing is asked for,"
        " the painter; keeps what is as right and faster; off: tries nothing"
    )
    add_word_flag(parser, environ, "fast_path", FastPath.AUTO, fast)
    text = "the steps of images for which nobody says how many, as 4 of SDXL Lightning"
    steps = {"type": _up_to(MAX_STEPS), "metavar": "N", "help": text}
    add_flag(parser, environ, "num_inference_steps", None, **steps)
    text = "their guidance scale, as 0 of SDXL Turbo and Lightning"
    scale = {"type": _guidance_scale, "metavar": "X", "help": text}
    add_flag(parser, environ, "guidance_scale", None, **scale)
    _add_replica_flags(parser, environ)
    flags: dict[str, tuple[Callable[[str], object], str]] = {
        "host": (str, "the address to listen on; one that others can reach needs a key file"),
        "port": (read_port, "the page's port"),
        "api_port": (read_port, "the image API's port"),
        "max_upload_mb": (_up_to(MOST_UPLOAD_MB), "the largest picture that is taken, in MB"),
        "max_stored_jobs": (_up_to(1_000_000), "how many jobs are kept; the oldest goes first"),
        "max_stored_mb": (_up_to(1_000_000), "how much memory their pictures may take, in MB"),
        "max_kept_mb": (_up_to(100_000_000), "how much of the disk --keep may take, in MB"),
        "max_kept_days": (_up_to(36_500), "how long --keep keeps a job after its end, in days"),
    }
    text = "after so many seconds a call of a model hangs, and the server ends (300; on a CPU 3600)"
    add_flag(parser, environ, "step_timeout", None, type=_up_to(1_000_000), metavar="S", help=text)
    for name, (kind, text) in flags.items():
        default = getattr(Settings(), name)
        add_flag(parser, environ, name, default, type=kind, help=f"{text} (%(default)s)")
    folder = "keeps jobs and their pictures in a folder, so that a restart loses none"
    add_flag(parser, environ, "keep", None, type=Path, metavar="DIR", help=folder)
    _add_access_flags(parser, environ)
    _add_log_flags(parser, environ)
    text = "leaves out of image files what says that a model made them (docs/marking.md)"
    add_yes_flag(parser, environ, "no_marking", text)
    text = "signs that too: a key and its certificate, made if not there; needs --with c2pa"
    add_flag(parser, environ, "c2pa_key", None, type=Path, metavar="FILE", help=text)
    return parser


def _add_replica_flags(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Adds what says on how many GPUs and machines the models run (docs/scaling.md)."""
    text = (
        "ray runs the models as replicas, on all GPUs of this machine; HOST:6379 on those of a Ray"
        " cluster that this machine has joined; needs --with ray"
    )
    add_flag(parser, environ, "engines", None, metavar="WHERE", help=text)
    text = "how many replicas of each model (one a GPU)"
    add_flag(parser, environ, "replicas", None, type=_up_to(1000), metavar="N", help=text)
    text = "how many there may be while there is much to do"
    add_flag(parser, environ, "max_replicas", None, type=_up_to(1000), metavar="N", help=text)


def _add_access_flags(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Adds what says who may use the server (docs/access.md)."""

    def add(name: str, default: object, text: str, **options: Any) -> None:
        add_flag(parser, environ, name, default, help=text, **options)

    file = "lines of a name and a key; whoever uses the server then needs one; made if not there"
    add("key_file", None, file, type=Path, metavar="FILE")
    names = "names by which browsers may call the server, beside this machine's own"
    add("allowed_host", (), names, type=_names, metavar="NAME,...")
    proxy = "the address of a proxy in front, whose X-Forwarded headers are believed"
    add("trusted_proxy", None, proxy, type=_address, metavar="ADDRESS")
    text = "lets everybody in who can reach the server: no key is needed"
    add_yes_flag(parser, environ, "insecure_open", text)


def _add_log_flags(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    lines = "lines for people, or a JSON object a line for programs"
    add_word_flag(parser, environ, "log_format", LogFormat.TEXT, lines)
    text = "writes into the log what is painted: without it, the log knows no prompts"
    add_yes_flag(parser, environ, "log_prompts", text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(","))
    for name in names:
        if host_name(name) != name.strip("[]") or not name:
            raise argparse.ArgumentTypeError(
                f"{name!r} is no name: leave out http://, ports and paths"
            )
    return tuple(map(host_name, names))


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address, as 127.0.0.1 is") from None


def read_port(text: str) -> int:
    """A TCP port; 0 lets the system choose one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 1 to 65535")
    return int(text)


def _guidance_scale(text: str) -> float:
    try:
        check_guidance_scale(scale := float(text))
    except (ValueError, InvalidRequest):
        problem = f"{text!r} is no number from 0 to {MAX_GUIDANCE_SCALE:g}"
        raise argparse.ArgumentTypeError(problem) from None
    return scale


def _up_to(highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {highest}")
        return int(text)

    return read
