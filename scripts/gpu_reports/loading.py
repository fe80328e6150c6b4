"""Loads the models of a subject, placed as the server places them."""

from functools import partial

from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.flags import FastPath
from models_cache.runtime.device import use_own_stream
from scripts.benchmarks.comparison import in_own_thread
from scripts.benchmarks.loaded import Loaded
from scripts.gpu_reports.subject import Subject


def load_captioner(subject: Subject) -> Blip:
    """Its warm-up tries what may be faster, as the server's does."""
    return Blip.load(subject.checkpoints[Family.BLIP], subject.placement, FastPath.AUTO)


def load_generator(subject: Subject) -> SDXL:
    return SDXL.load(subject.checkpoints[Family.SDXL], subject.placement)


def _warm_up(blip: Blip) -> None:
    """On a stream of its own, as the server's, whose priority its graphs keep."""
    use_own_stream(blip.device)
    blip.warm_up()


def load_warm(subject: Subject) -> Loaded:
    """Both, one after the other."""
    blip, sdxl = load_captioner(subject), load_generator(subject)
    in_own_thread(partial(_warm_up, blip))
    sdxl.warm_up()
    placement = subject.placement
    return Loaded(blip, sdxl, placement.max_batch_size, placement.device_lock is None)
