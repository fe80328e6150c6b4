"""Processes that are killed while they write a file."""

import multiprocessing
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable


def at_the_tenth_byte() -> None:
    """The kernel ends this process there, whatever file it writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def before_a_file_gets_its_name() -> None:
    sys.addaudithook(
        lambda event, _: os.kill(os.getpid(), signal.SIGKILL) if event == "os.rename" else None
    )


DEATHS = [at_the_tenth_byte, before_a_file_gets_its_name]


def die(death: Callable[[], None], write: Callable[[], object]) -> None:
    """Writes in a process of its own, which has to die of it."""

    def run() -> None:
        death()
        write()

    process = multiprocessing.get_context("fork").Process(target=run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork beside threads, as it only writes a file
        process.start()
    process.join()
    assert process.exitcode in (-signal.SIGKILL, -signal.SIGXFSZ)
