"""Compares the tensors in a checkpoint's files, by their headers, with those of its model.

Both libraries fill in with random numbers what a file lacks, or fail with words that do not help.
Here the model is built without memory, and the library itself says which of its tensors the headers
of the files do not give: what it renames, ties or ignores on loading does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from models_cache import whole
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import Family
from models_cache.local_checkpoint import LocalCheckpoint


@dataclass(frozen=True, slots=True)
class Misfit:
    """Names of tensors. ``unused`` ones alone do no harm: the libraries leave them out as well."""

    missing: Sequence[str]
    misshapen: Sequence[str]
    unused: Sequence[str]

    def check(self, folder: Path) -> None:
        """Raises CheckpointError if the model would not get all its weights."""
        if not self.missing and not self.misshapen:
            return
        found = {"lack": self.missing, "have in another shape": self.misshapen}
        faults = " and ".join(f"{verb} {_counted(names)}" for verb, names in found.items() if names)
        extra = f", and hold {_counted(self.unused)} that it does not know" if self.unused else ""
        raise CheckpointError(
            f"The weights in {folder} do not fit the config beside them: they {faults} of the"
            f" model{extra}",
            Fault.UNSUITABLE,
            "Fetch or save this checkpoint again, or name another one.",
        )


def check_weights(checkpoint: LocalCheckpoint, components: Mapping[str, Any]) -> None:
    """Compares the weights of each component with its model class and the config beside them.

    Raises CheckpointError. Not while another thread constructs or runs a model.
    """
    transformers.utils.logging.disable_progress_bar()  # nothing is loaded
    for component, kind in components.items():
        is_captioner = checkpoint.known.family is Family.BLIP
        folder = checkpoint.folder if is_captioner else checkpoint.folder / component
        is_of_transformers = issubclass(kind, transformers.PreTrainedModel)
        compare = _of_transformers if is_of_transformers else _of_diffusers
        compare(kind, folder, _without_memory(checkpoint.weights[component])).check(folder)


def _of_transformers(kind: Any, folder: Path, there: dict[str, torch.Tensor]) -> Misfit:
    config = kind.config_class.from_pretrained(folder, local_files_only=True)
    _, told = kind.from_pretrained(
        None,
        config=config,
        state_dict=there,
        device_map={"": "meta"},
        ignore_mismatched_sizes=True,  # told, not raised
        output_loading_info=True,
    )
    misshapen = [name for name, *_ in told["mismatched_keys"]]
    return Misfit(sorted(told["missing_keys"]), misshapen, sorted(told["unexpected_keys"]))


def _of_diffusers(kind: Any, folder: Path, there: dict[str, torch.Tensor]) -> Misfit:
    """diffusers gives no such list before it fails."""
    with torch.device("meta"):
        model = kind.from_config(kind.load_config(folder, local_files_only=True))
    # Old files call the parts of attention otherwise.
    there = model._fix_state_dict_keys_on_load(there)
    wanted = model.state_dict()
    both = wanted.keys() & there.keys()
    return Misfit(
        sorted(wanted.keys() - there.keys()),
        sorted(name for name in both if wanted[name].shape != there[name].shape),
        sorted(there.keys() - wanted.keys()),
    )


def _without_memory(files: Iterable[Path]) -> dict[str, torch.Tensor]:
    """Tensors of the shapes that the files' headers tell, by name."""
    return {
        name: torch.empty(shape, device="meta")
        for file in files
        for name, shape in whole.shapes(file).items()
    }


def _counted(names: Sequence[str]) -> str:
    """ "1 tensor (a)", "5 tensors (such as a)"."""
    if len(names) == 1:
        return f"1 tensor ({names[0]})"
    return f"{len(names):,} tensors (such as {names[0]})"
