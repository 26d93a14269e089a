"""What commands share: console, options, store, recipe library, JSON on stdout."""

import json
import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.names import (
    make_instance_id,
    normalize_repo_name,
    parse_pull_name,
    parse_repo_name,
)
from curate.core.near_words import suggest_word
from curate.core.settings import Settings
from curate.core.shards import Shard, parse_shard
from curate.store import Store

if TYPE_CHECKING:
    from curate.recipes import RecipeLibrary

log = logging.getLogger(__name__)

_SECONDS = {"s": 1, "m": 60, "h": 3600}

err_console = WholeLineConsole(stderr=True)


class SandboxKind(StrEnum):
    """Where tests run."""

    DOCKER = "docker"
    PODMAN = "podman"
    APPTAINER = "apptainer"
    LOCAL = "local"


def require_finite(value: float | None) -> float | None:
    """Callback of a numeric option: neither nan nor inf is a size."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def parse_shard_option(text: str) -> Shard:
    """Parser of `ShardOption`."""
    return parse_shard(text)


def describe_distance(cutoff: datetime, date: datetime | None) -> str:
    """Return ", 12 days before 2023-03-13" for the *date* of an environment; "" on that day."""
    days = (date - cutoff).days if date else 0
    return f", {days} day{'s' * (days > 1)} before {date:%Y-%m-%d}" if days else ""


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        max=100_000,
        help="Parallel workers. (default: what cores and memory allow)",
    ),
]
ClusterOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="dask://HOST:PORT, ray://HOST:PORT; or local: processes here."
    ),
]
MaxTimeOption = Annotated[
    str, typer.Option(metavar="DURATION", help="Time limit, such as 90m or 5h.")
]
RunsOption = Annotated[int, typer.Option(min=1, help="Test runs before and after the gold patch.")]
SandboxOption = Annotated[
    SandboxKind,
    typer.Option(
        help="docker; podman, or apptainer for evaluate, which need no root; or local, which does"
        " not isolate."
    ),
]
DatasetOption = Annotated[
    str,
    typer.Option(
        metavar="PATH|OWNER/NAME",
        help="Release, file of rows, or dataset on the Hub. (default: the store)",
    ),
]
SplitOption = Annotated[str, typer.Option(help="Split of the dataset.")]
RetryOption = Annotated[
    bool, typer.Option("--retry-rejected", help="Try rejected candidates again.")
]
ShardOption = Annotated[
    Shard | None,
    typer.Option(
        parser=parse_shard_option,
        metavar="I/N",
        help="Only part I of N, from 1/N to N/N; each on a data directory of its own.",
    ),
]
FiltersOption = Annotated[
    str | None,
    typer.Option("--release-filters", metavar="NAME|FILE", help="Filter preset or TOML file."),
]
ApiOption = Annotated[
    str | None, typer.Option("--github-api-url", help="API of GitHub Enterprise.")
]


def get_settings(context: typer.Context, **overrides: object) -> Settings:
    """The settings that the callback read, changed by those *overrides* that are given."""
    settings = context.obj
    assert isinstance(settings, Settings)
    given = {name: value for name, value in overrides.items() if value}
    return settings.model_copy(update=given) if given else settings


def resolve_ids(store: Store, names: Sequence[str]) -> list[str]:
    """Instance ids of *names*, each once; a name may be a PR's address or OWNER/NAME#NUMBER.

    Owner and name are found in any case, as on GitHub. What names no PR is returned as it is.
    """
    parsed = {name: parse_pull_name(name) for name in names}
    repos = {repo: store.find_repo(repo) for repo, _ in filter(None, parsed.values())}
    ids = [make_instance_id(repos[it[0]], it[1]) if it else name for name, it in parsed.items()]
    return list(dict.fromkeys(ids))


def open_store(settings: Settings) -> Store:
    """The store of the data directory; created when missing."""
    return Store(settings.data_dir)


def has_store(settings: Settings) -> bool:
    """Whether there is a data directory, or something in its place; else reading makes none."""
    return os.path.lexists(settings.data_dir)


def describe_empty_store(settings: Settings) -> str:
    """What a command that only reads says before the first crawl."""
    command = complete_commands("curate crawl OWNER/NAME")
    return f"The store in {settings.data_dir} is empty. Start with: {command}"


def open_existing_store(settings: Settings) -> Store:
    """The store of the data directory; NotFoundError if there is none."""
    if not has_store(settings):
        raise NotFoundError(
            f"The store in {settings.data_dir} is empty.",
            hint="Start with: curate crawl OWNER/NAME",
        )
    return open_store(settings)


def load_library(settings: Settings, drafts: Path | None = None) -> "RecipeLibrary":
    """The user's recipes, before the built-in ones, before the drafts of the data directory.

    *drafts* is a folder of further drafts.
    """
    from curate.recipes import RecipeLibrary

    folders = (settings.recipes_dir,) if settings.recipes_dir else ()
    return RecipeLibrary(folders, (settings.drafted_recipes_dir, *([drafts] if drafts else [])))


def read_repo_name(text: str) -> str:
    """OWNER/NAME of *text*, which may be an address; ConfigurationError if it is neither."""
    from curate.github.pulls import split_repo

    name = parse_repo_name(text)
    split_repo(name)
    return name


def find_known_repo(text: str, store: Store) -> str:
    """The stored spelling of a repository; NotFoundError if it was never crawled."""
    name = read_repo_name(text)
    repo = store.find_repo(name)
    if repo in store.list_repositories() or next(store.iter_candidates(repo), None):
        return repo
    raise not_crawled(name, store.list_repositories())


def not_crawled(repo: str, known: Sequence[str] = ()) -> NotFoundError:
    """The error for a repository that the store does not know, which knows *known*."""
    hint = f"{suggest_word(repo, known)} Run: curate crawl {repo}".strip()
    return NotFoundError(f"{repo} has not been crawled.", hint=hint)


def find_repo(text: str, store: Store, library: "RecipeLibrary") -> str:
    """Its spelling in the store, else in its recipe; case does not count on GitHub."""
    name = read_repo_name(text)
    found = store.find_repo(name)
    recipe = library.find_recipe(name) if found == name else None
    return normalize_repo_name(name, recipe.repo) if recipe else found


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(dump_json(value))


def dump_json(value: object) -> str:
    """Return *value* as a JSON document for people and scripts."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def warn_of_exclusions(repos: Sequence[str], settings: Settings) -> None:
    """Say, before the work, of which of *repos* the release filters exclude every instance."""
    from curate.publish.filters.apply import find_benchmark_repositories
    from curate.publish.filters.config import read_filters

    try:
        found = find_benchmark_repositories(repos, read_filters(settings.release_filters))
    except ConfigurationError as error:
        log.warning("%s %s", error, error.hint)
        return
    for repo, benchmark in found.items():
        log.warning(
            "%s is a repository of %s: the release filters %s exclude all its instances"
            " (benchmark-repository). To publish them, set release_filters to a TOML file with"
            " contamination.repositories = false.",
            *(repo, benchmark, settings.release_filters),
        )


def parse_duration(duration: str) -> float:
    """Seconds of "90s", "15m" or "5h"; ConfigurationError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", duration.strip())
    seconds = float(match.group(1)) * _SECONDS[match.group(2)] if match else math.inf
    if seconds > threading.TIMEOUT_MAX:  # which is more than a lifetime
        raise ConfigurationError(
            f"Invalid duration {duration!r}.", hint="Write it like 90s, 15m or 5h."
        )
    return seconds


def parse_deadline(duration: str) -> float | None:
    """When *duration*, such as "5h", is over, in the time of `time.monotonic`; "" = None."""
    return time.monotonic() + parse_duration(duration) if duration else None
