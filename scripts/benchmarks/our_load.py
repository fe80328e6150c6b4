"""Both models from nothing to warm as the server loads them, then images: ``phases`` of ours.

usage: python -m scripts.benchmarks.our_load AT_ONCE [flags of the server that choose models]
"""

import argparse
import os
import sys

from models_cache import environment

environment.prepare()

from models_cache.flags import add_model_flags
from models_cache.start import choose_both
from scripts.benchmarks.engine_benchmark import submitted_apart
from scripts.benchmarks.loaded import load
from scripts.benchmarks.painting import running
from scripts.benchmarks.phases import tell
from scripts.benchmarks.plan import FOR_MEMORY, draw_requests


def main(at_once: str, *flags: str) -> None:
    parser = argparse.ArgumentParser()
    add_model_flags(parser, os.environ)
    options = parser.parse_args(flags)
    choice, device = choose_both(
        options.models, options.captioner, options.generator, options.device
    )
    loaded = load(choice, options.memory, device)
    tell("loaded and warm", device)
    requests = draw_requests(loaded.sdxl.info, FOR_MEMORY, int(at_once))
    with running(loaded.sdxl, loaded.max_batch_size) as engine:
        for count in (1, len(requests)):
            submitted_apart(engine, requests[:count])
            tell(f"{count} at once", device)


if __name__ == "__main__":
    main(*sys.argv[1:])
