"""The parts of a report, in their order, and what each needs.

A new part is a module beside this one, whose ``measure`` takes a Subject and yields Findings, and
a line here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Part:
    """``name`` is its module's too. ``share`` is of the time, in seconds of nine minutes.

    ``needs`` are modules that have to be installed.
    """

    name: str
    share: int
    needs: tuple[str, ...]


WEB = ("flask", "waitress", "pydantic", "prometheus_client", "segno", "isal", "orjson", "pybase64")
MODELS = ("torch", "diffusers", "transformers", "accelerate", "huggingface_hub", "numpy", "PIL")
PARTS = (
    Part("facts", 40, ("torch",)),
    Part("weights", 100, MODELS),
    Part("memory", 50, MODELS),
    Part("precision", 60, MODELS),
    Part("gpu_tests", 120, (*MODELS, *WEB, "pytest")),
    Part("speed", 120, (*MODELS, "isal")),
    Part("captions", 30, MODELS),
    Part("web", 30, (*MODELS, *WEB)),
    Part("published", 30, MODELS),
    Part("fast_path", 90, MODELS),  # last, as a compiler takes all the time that was left
)
# Where the name to install is not the name to import.
PACKAGES = {"PIL": "Pillow", "flask": "Flask", "prometheus_client": "prometheus-client"}


def lacking(modules: Iterable[str]) -> list[str]:
    """The packages of those that are not installed, by the names to install. Imports none."""
    return [PACKAGES.get(module, module) for module in modules if find_spec(module) is None]
