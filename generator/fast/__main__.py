"""Carries out one order, given as JSON: whoever started it finds torch's cache filled, or not."""

import json
import sys

from models_cache import environment, terminal

environment.prepare()

from generator.fast.order import Order

if __name__ == "__main__":
    terminal.end_with_parent()
    Order(**json.loads(sys.argv[1])).carry_out()
