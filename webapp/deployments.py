"""What Ray Serve is to make: the replicas of a model, how many, and with what of each machine."""

import os
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig

from models_cache.runtime.device import usable_cores
from webapp.replicas import Captioner, Order, Painter
from webapp.router import FewestSteps
from webapp.settings import Settings

ROOT = Path(__file__).parents[1]
NAMES = {"painter": Painter, "captioner": Captioner}
GPU_SHARES = {"painter": 0.8, "captioner": 0.2}
HEALTH_SECONDS = 2.0
# What a replica is to have of this process's environment, on another machine too.
INHERITED = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "HF_HUB_OFFLINE", "PYTORCH_ALLOC_CONF")
LONGEST_STOP_SECONDS = 600.0  # an image that was begun is painted to its end
TRIES = 3  # at making one replica: Ray counts those of all, until the first is made


def target(name: str, order: Order) -> Any:
    """An application of Ray Serve: all replicas of one model."""
    router: Any = FewestSteps  # Ray's own type says that it is a dict
    routed: dict[str, Any] = {
        "request_router_config": RequestRouterConfig(request_router_class=router)
    }
    deployment: Any = serve.deployment(
        NAMES[name],
        name=name,
        max_ongoing_requests=order.room,
        max_constructor_retry_count=TRIES * replica_count(order.settings),
        ray_actor_options=actor_options(name, order.settings),
        health_check_period_s=HEALTH_SECONDS,
        graceful_shutdown_timeout_s=LONGEST_STOP_SECONDS,
        **(routed if name == "painter" else {}),
        **count_options(name, order),
    )
    return deployment.bind(order)


def actor_options(name: str, settings: Settings) -> dict[str, Any]:
    """A GPU serves a painter and a captioner; CPU cores are shared out among the painters."""
    has_gpus = gpus() > 0 and settings.device != "cpu"
    threads = max(1, usable_cores() // replica_count(settings))
    variables = {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
    }
    return {
        "num_cpus": 0,
        "num_gpus": GPU_SHARES[name] if has_gpus else 0,
        "runtime_env": {"env_vars": variables},
    }


def count_options(name: str, order: Order) -> dict[str, Any]:
    """Painters come and go where that is asked for; each captioner keeps up with many of them."""
    count, most = replica_count(order.settings), order.settings.max_replicas
    if most is None or name != "painter":
        return {"num_replicas": count}
    bounds = AutoscalingConfig(
        min_replicas=count, max_replicas=most, target_ongoing_requests=max(0.5, order.room / 2)
    )
    return {"autoscaling_config": bounds}


def replica_count(settings: Settings) -> int:
    """One a GPU, unless it is said."""
    return settings.replicas or max(1, gpus())


def gpus() -> int:
    """Of the whole cluster."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("GPU", 0))
