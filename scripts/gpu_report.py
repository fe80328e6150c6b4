"""The program ``scripts/gpu_report`` by its own name: python -m scripts.gpu_report."""

from models_cache import terminal
from scripts.gpu_reports.__main__ import main

if __name__ == "__main__":
    terminal.run(main)
