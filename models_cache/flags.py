"""The flags that say which models to load and where, the same for every program."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from models_cache.catalog import ROLES, Family

Word = TypeVar("Word", bound=StrEnum)

ENVIRONMENT_PREFIX = "LOOKALIKE_"

EPILOG = (
    "The flags that choose models are environment variables too: LOOKALIKE_MODELS=demo is"
    " --models demo."
)


class Models(StrEnum):
    """The pair of checkpoints that ``--models`` asks for."""

    AUTO = "auto"
    DEMO = "demo"
    FULL = "full"


class Memory(StrEnum):
    """The place that ``--memory`` wants for weights while they are not used."""

    AUTO = "auto"
    RESIDENT = "resident"
    OFFLOAD = "offload"


class Precision(StrEnum):
    """The number format of the weights that ``--dtype`` asks for."""

    AUTO = "auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


class FastPath(StrEnum):
    """What ``--fast-path`` says of candidates that may make the models faster."""

    AUTO = "auto"
    OFF = "off"


def add_flag(
    parser: argparse.ArgumentParser,
    environ: Mapping[str, str],
    name: str,
    default: object,
    **options: Any,
) -> None:
    """``name`` in snake_case. An environment variable LOOKALIKE_NAME replaces ``default``."""
    flag = "--" + name.replace("_", "-")
    default = environ.get(ENVIRONMENT_PREFIX + name.upper()) or default
    parser.add_argument(flag, default=default, **options)


def add_word_flag(
    parser: argparse.ArgumentParser, environ: Mapping[str, str], name: str, first: Word, text: str
) -> None:
    """A flag that takes one word of those that ``first``, its default, is one of."""
    words = type(first)
    metavar, said = "{" + ",".join(words) + "}", f"{text} (%(default)s)"
    add_flag(parser, environ, name, first.value, type=_one_of(words), metavar=metavar, help=said)


def add_yes_flag(
    parser: argparse.ArgumentParser, environ: Mapping[str, str], name: str, text: str
) -> None:
    """A flag that alone means yes; it and its variable also take yes or no."""
    words: dict[str, Any] = {"nargs": "?", "const": True, "metavar": "yes"}
    add_flag(parser, environ, name, False, type=_yes, help=text, **words)


def add_model_flags(
    parser: argparse.ArgumentParser,
    environ: Mapping[str, str],
    families: Iterable[Family] = tuple(Family),
) -> None:
    """Adds the flags that choose models, one of them for each family, and where they go."""
    add_word_flag(
        parser,
        environ,
        "models",
        Models.AUTO,
        "full: BLIP-large and SDXL-base, fetched if they are missing; demo: the small embedded"
        " ones; auto: full if there is a CUDA device and the weights are at hand, demo otherwise",
    )
    for family in families:
        add_flag(
            parser,
            environ,
            ROLES[family],
            None,
            metavar="MODEL",
            help=f"another {family.value} checkpoint: a folder or a hub id",
        )
    add_flag(
        parser,
        environ,
        "device",
        "auto",
        help="cpu, cuda, cuda:1; auto takes CUDA if there is one (%(default)s)",
    )
    add_word_flag(
        parser,
        environ,
        "memory",
        Memory.AUTO,
        "resident: all weights stay on the GPU; offload: text encoders and captioner come in when"
        " they are needed; auto: resident if that fits",
    )
    add_word_flag(
        parser,
        environ,
        "dtype",
        Precision.AUTO,
        "the weights' number format; auto: fp16 on CUDA, on a CPU fp32, or bf16 for the full models"
        " if it computes in that",
    )


def _yes(text: str) -> bool:
    if text.lower() not in ("yes", "true", "1", "no", "false", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes nor no")
    return text.lower() in ("yes", "true", "1")


def _one_of(words: type[Word]) -> Callable[[str], Word]:
    def parse(text: str) -> Word:
        # argparse checks ``choices`` of flags alone; a default from the environment comes here too.
        if text not in set(words):
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return words(text)

    return parse
