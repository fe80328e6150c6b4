"""Both models as replicas: what each process of a cluster runs."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import captioner.engine
import captioner.replica
import generator.engine
import generator.replica
from generator.pipeline import read_model_info
from models_cache import environment
from models_cache.catalog import Family
from models_cache.runtime.loading import ConstructionLock
from webapp.models import ModelPair
from webapp.settings import Settings
from webapp.versions import differences, versions
from webapp.watchdog import Watchdog

Engine = generator.engine.Engine | captioner.engine.Engine


@dataclass(frozen=True, slots=True)
class Order:
    """What a replica is to be. ``settings`` name both models; ``versions`` are the desk's."""

    settings: Settings
    versions: Mapping[str, str]
    room: int


class Painter(generator.replica.Replica):
    """Ready once its model is warm. Raises RuntimeError if it cannot be made, and CannotStart."""

    def __init__(self, order: Order) -> None:
        models = choose(order)
        info = read_model_info(models.checkpoints[Family.SDXL])
        engine = generator.engine.Engine(max_batch_size=models.placement.max_batch_size, info=info)
        super().__init__(engine, order.room)
        run(engine, models.load_generator, models, order.settings)

    def room(self) -> int:
        """How many images share its memory."""
        return self.engine.max_batch_size


class Captioner(captioner.replica.Replica):
    """Ready once its model is warm. Raises RuntimeError if it cannot be made, and CannotStart."""

    def __init__(self, order: Order) -> None:
        models = choose(order)
        super().__init__(captioner.engine.Engine())
        run(self.engine, models.load_captioner, models, order.settings)


def choose(order: Order) -> ModelPair:
    """The models, of which this process loads one; fetches nothing.

    Raises RuntimeError if the versions here are not the desk's, and CannotStart.
    """
    environment.prepare()
    if unlike := differences(order.versions, versions()):
        raise RuntimeError(f"a replica has {unlike}")
    return replace(ModelPair.of(order.settings, may_fetch=False), lock=ConstructionLock())


def run(engine: Engine, load: Any, models: ModelPair, settings: Settings) -> None:
    """Returns once the model is warm. Later faults end the process, and the cluster makes another.

    Raises RuntimeError if the model cannot be loaded.
    """
    step_seconds = settings.step_seconds(models.placement.device.type)
    engine.start(load, on_device_lost=partial(os._exit, 4), on_death=partial(os._exit, 5))
    Watchdog((engine,), step_seconds, partial(os._exit, 6)).start()
    while not engine.is_ready:
        if not engine.is_alive:
            raise RuntimeError(f"the {engine.name} could not be loaded")
        time.sleep(0.05)
