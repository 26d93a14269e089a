"""Options of `curate publish` and its subcommands, and what they may be."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from curate.core.errors import ConfigurationError
from curate.core.settings import Settings
from curate.publish.measures.swebench_lite import CRITERIA_BY_MODE

_HUB_NAME = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)
_MAX_HUB_NAME = 96  # characters, with the owner
_SPLIT = re.compile(r"[a-z][a-z0-9_]*")

FolderArgument = Annotated[
    Path | None, typer.Argument(help="Release directory. (default: DATA_DIR/release)")
]
HubOption = Annotated[
    str, typer.Option(metavar="OWNER/NAME", help="Dataset on the Hugging Face Hub.")
]
PrivateOption = Annotated[bool, typer.Option(help="Visibility of a new dataset.")]
BranchOption = Annotated[str, typer.Option(help="Branch of the dataset; created when missing.")]
LocalImagesOption = Annotated[
    bool,
    typer.Option("--allow-local-images", help="Allow images that are on this machine alone."),
]
TagOption = Annotated[str, typer.Option(help="Immutable tag for this release.")]


def check_dataset_name(hub: str) -> None:
    """Raise ConfigurationError unless *hub* is a name that the Hub takes."""
    owner, slash, name = hub.partition("/")
    parts_are_valid = all(map(_HUB_NAME.fullmatch, (owner, name)))
    if not slash or not parts_are_valid or len(hub) > _MAX_HUB_NAME or re.search(r"--|\.\.", hub):
        raise ConfigurationError(
            f"Invalid dataset name {hub!r}.",
            hint="Write it as OWNER/NAME, with letters, digits, '-', '_' and '.'.",
        )


def prepare_hub_client(settings: Settings) -> str | None:
    """Limit how long the Hub may be silent; return the token, None for the Hub client's own."""
    from curate.releases.hub_client import limit_silence

    limit_silence(settings.network_timeout)
    return os.environ.get("HF_TOKEN") or None


def parse_lite_mode(lite: str) -> str:
    """Return *lite*; ConfigurationError if there are no such criteria."""
    if lite not in CRITERIA_BY_MODE:
        raise ConfigurationError(
            f"Invalid --lite {lite!r}.", hint=f"Choose {' or '.join(CRITERIA_BY_MODE)}."
        )
    return lite


def parse_subsets(given: Sequence[str]) -> dict[str, str]:
    """Return conditions by name of the split; ConfigurationError for an invalid option."""
    named = dict(one.partition("=")[::2] for one in given)
    for name, where in named.items():
        if not _SPLIT.fullmatch(name) or name in {"train", "raw", "lite"} or not where.strip():
            hint = """For example: --subset "short=words(problem_statement) < 100"."""
            raise ConfigurationError(f"Invalid --subset {name}={where}.", hint=hint)
    if len(named) < len(given):
        raise ConfigurationError(
            "Two --subset options have one name.", hint="Give each split a name of its own."
        )
    return named
