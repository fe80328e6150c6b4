"""Whether the tensors in a checkpoint's files are those of its model.  [torch]

Both libraries fill in with random numbers what a file lacks, or fail with words that help nobody.
Here the model is built without memory, and the library itself says which of its tensors the headers
of the files do not give: what it renames, ties or ignores on loading does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from models_cache import safetensors_header
from models_cache.layout import WrongCheckpoint

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Names of tensors. ``unused`` ones alone do no harm: the libraries leave them out as well."""

    missing: Sequence[str]
    misshapen: Sequence[str]
    unused: Sequence[str]

    def check(self, folder: Path) -> None:
        """Raises WrongCheckpoint, ready to print, if the model would not get all its weights."""
        if not self.missing and not self.misshapen:
            return
        found = {"lack": self.missing, "have in another shape": self.misshapen}
        faults = " and ".join(f"{verb} {_counted(names)}" for verb, names in found.items() if names)
        extra = f", and hold {_counted(self.unused)} that it does not know" if self.unused else ""
        raise WrongCheckpoint(
            f"The weights in {folder} do not fit the config beside them: they {faults} of the"
            f" model{extra}. Fetch or save this checkpoint again, or name another one."
        )


def check_transformers(kind: Any, folder: Path, files: Iterable[Path]) -> None:
    """Compares the weights in ``files`` with a model class and the config in ``folder``.

    Raises WrongCheckpoint. Not while another thread makes or runs a model.
    """
    transformers.utils.logging.disable_progress_bar()  # nothing is loaded
    config = kind.config_class.from_pretrained(folder, local_files_only=True)
    _, told = kind.from_pretrained(
        None,
        config=config,
        state_dict=_without_memory(_shapes(files)),
        device_map={"": "meta"},
        ignore_mismatched_sizes=True,  # told, not raised
        output_loading_info=True,
    )
    misshapen = [name for name, *_ in told["mismatched_keys"]]
    Misfit(sorted(told["missing_keys"]), misshapen, sorted(told["unexpected_keys"])).check(folder)


def check_diffusers(kind: Any, folder: Path, files: Iterable[Path]) -> None:
    """The same for a class of diffusers, which gives no such list before it fails."""
    with torch.device("meta"):
        model = kind.from_config(kind.load_config(folder, local_files_only=True))
    # Old files call the parts of attention otherwise.
    there = _shapes_of(model._fix_state_dict_keys_on_load(_without_memory(_shapes(files))))
    wanted = _shapes_of(model.state_dict())
    both = wanted.keys() & there.keys()
    Misfit(
        sorted(wanted.keys() - there.keys()),
        sorted(name for name in both if wanted[name] != there[name]),
        sorted(there.keys() - wanted.keys()),
    ).check(folder)


def _shapes(files: Iterable[Path]) -> Shapes:
    headers = (safetensors_header.shapes(file) for file in files)
    return {name: shape for header in headers for name, shape in header.items()}


def _without_memory(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def _shapes_of(state_dict: Mapping[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in state_dict.items()}


def _counted(names: Sequence[str]) -> str:
    """ "1 tensor (a)", "5 tensors (such as a)"."""
    if len(names) == 1:
        return f"1 tensor ({names[0]})"
    return f"{len(names):,} tensors (such as {names[0]})"
