"""Loads and warms both models as the server does, then paints; tells its phases.

usage: python -m scripts.benchmarks.programs.our_load AT_ONCE [server's flags that choose models]
"""

import argparse
import os
import sys

from models_cache import environment

environment.prepare()

from models_cache.flags import add_model_flags
from scripts.benchmarks.arguments import FOR_MEMORY
from scripts.benchmarks.images import submitted_apart
from scripts.benchmarks.models import choose_named, load
from scripts.benchmarks.painting import draw_requests
from scripts.benchmarks.programs.phases import tell


def main(at_once: str, *flags: str) -> None:
    parser = argparse.ArgumentParser()
    add_model_flags(parser, os.environ)
    options = parser.parse_args(flags)
    models = choose_named(options)
    loaded, device = load(models), models.placement.device
    tell("loaded and warm", device)
    requests = draw_requests(loaded.sdxl.info, FOR_MEMORY, int(at_once))
    with loaded.painting() as engine:
        for count in (1, len(requests)):
            submitted_apart(engine, requests[:count])
            tell(f"{count} at once", device)


if __name__ == "__main__":
    main(*sys.argv[1:])
