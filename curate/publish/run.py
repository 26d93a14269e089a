"""Publishing: rows to a release directory, images to a registry."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate import __version__
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.card import CardData, DatasetStatistics
from curate.publish.check import ReleaseProblem
from curate.publish.eval_results import set_known_results
from curate.publish.excluded import excluded_instances
from curate.publish.filters.config import Exclusion, ReleaseFilters, read_filters
from curate.publish.filters.where import filter_rows_sql
from curate.publish.hub import PushOptions, PushResult, push_folder, tag_commit
from curate.publish.images import is_in_registry
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.swebench_lite import COLUMN_BY_MODE
from curate.publish.release import ReleaseContent, require_replaceable, write_release
from curate.publish.statistics import (
    compute_means,
    counts_by_repo,
    load_paper_counts,
    load_paper_statistics,
)
from curate.publish.tables import FilteredRows, make_raw_rows, make_train_rows
from curate.releases.row import Row, get_list, get_str
from curate.store import Store

log = logging.getLogger(__name__)

MAX_LISTED = 20  # maximum number of exclusions and problems that are logged one by one

CheckRows = Callable[[Sequence[Row]], bool]
"""Check rows that the filters include; return whether one was found that must be excluded."""

SetImages = Callable[[Sequence[Row]], list[Row]]
"""Rows with images of this machine -> rows with the images that a release names."""


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    """Which instances a release contains, and its extra splits."""

    filters: ReleaseFilters = field(default_factory=ReleaseFilters)
    where: str = ""  # SQL expression on verified rows; "" = all
    allow_no_instances: bool = False  # a release of candidates alone, else an error
    lite: str = "coded"  # SWE-bench Lite's criteria as "coded" or as "documented"
    subsets: Mapping[str, str] = field(default_factory=dict)  # SQL expression by split name


@dataclass(frozen=True, kw_only=True)
class ReleaseSteps:
    """What happens to the rows of a release before they are written."""

    require: Callable[[Sequence[Row]], None] = lambda _: None  # raises an error at once
    check: CheckRows = lambda _: False
    set_images: SetImages = list


@dataclass(frozen=True, kw_only=True)
class ReleaseSummary:
    """A written release."""

    folder: Path
    rows: Mapping[str, int]  # by split; splits without rows are left out
    images: int  # in a registry
    excluded: int  # verified instances and candidates that are in no split


def write_filtered_release(
    settings: Settings,
    store: Store,
    folder: Path,
    *,
    repo_id: str = "",
    options: ReleaseOptions | None = None,
    steps: ReleaseSteps = ReleaseSteps(),
) -> ReleaseSummary:
    """Write a release of *store* to *folder*, by default with the filters of the settings.

    Raises ConfigurationError if there is nothing to release, or *folder* cannot be one.
    """
    options = options or ReleaseOptions(filters=read_filters(settings.release_filters))
    require_replaceable(folder)
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        train = select_checked_rows(store, codebases, options, steps)
        included = replace(train, rows=steps.set_images(train.rows))
        content, exclusions = build_release(
            store, codebases, included, options, repo_id=repo_id, name=folder.resolve().name
        )
    written = write_release(folder, content)
    for number, exclusion in enumerate(exclusions):
        level = logging.INFO if number < MAX_LISTED else logging.DEBUG
        log.log(level, "excluded %s: %s", exclusion.instance_id, exclusion)
    if len(exclusions) > MAX_LISTED:
        log.info("excluded %s more", f"{len(exclusions) - MAX_LISTED:,}")
    counts = {name: len(rows) for name, _, rows in content.tables}
    told = ", ".join(f"{name} {count:,} rows" for name, count in counts.items())
    log.info("Release written to %s: %s; %s excluded", written, told, f"{len(exclusions):,}")
    return ReleaseSummary(
        folder=written,
        rows=counts,
        images=sum(map(is_in_registry, content.train)),
        excluded=len(exclusions),
    )


def require_pushable(problems: Sequence[ReleaseProblem]) -> None:
    """Raise CurateError if one of *problems* blocks a push."""
    blocking = [problem for problem in problems if problem.blocks_push]
    for problem in blocking[:MAX_LISTED]:
        log.error("ERROR %s", problem)
    if blocking:
        raise CurateError(
            f"The release has {len(blocking):,} errors, the first: {blocking[0]}",
            hint="Nothing was pushed. Publish again, or see: curate publish check",
        )


def push_rows(
    folder: Path, hub: str, *, private: bool, branch: str, tag: str, token: str | None
) -> PushResult:
    """Push the release in *folder* to the dataset *hub*, and tag the commit with *tag*."""
    options = PushOptions(private=private, branch=branch)
    pushed = push_folder(folder, hub, options, token=token)
    if tag:
        tag_commit(hub, tag, pushed.commit, token=token)
    state = "pushed" if pushed.changed else "unchanged"
    log.info("%s %s: commit %s", hub, state, pushed.commit[:12])
    return pushed


def select_checked_rows(
    store: Store, codebases: CodebaseReader, options: ReleaseOptions, steps: ReleaseSteps
) -> FilteredRows:
    """Return the rows of a release, with images of this machine, checked.

    An excluded row makes room for its near-duplicates, so the filters are applied again then.
    Raises ConfigurationError if nothing has been crawled, or no verified instance is included.
    """
    if not store.list_repositories():
        raise ConfigurationError(
            "Nothing to publish: no repository has been crawled.",
            hint="Run curate crawl OWNER/NAME, then curate validate.",
        )
    while True:
        train = make_train_rows(store, codebases, options.filters)
        asks_result = "eval_verified" in options.where
        rows = train.rows if asks_result else _filter_where(train.rows, options)
        steps.require(rows)
        if not steps.check(rows):
            break
    set_known_results(rows, store)
    rows = _filter_where(rows, options) if asks_result else rows
    if not rows and not options.allow_no_instances:
        raise _explain_empty(options, verified=len(train.rows) + len(train.excluded))
    return replace(train, rows=rows)


def build_release(
    store: Store,
    codebases: CodebaseReader,
    train: FilteredRows,
    options: ReleaseOptions,
    *,
    repo_id: str,
    name: str,
) -> tuple[ReleaseContent, Sequence[Exclusion]]:
    """Return the content of a release, and the first exclusion of each instance."""
    raw, rows = make_raw_rows(store, codebases, options.filters), train.rows
    subsets = {"lite": [row for row in rows if not get_list(row, COLUMN_BY_MODE[options.lite])]}
    subsets |= {name: filter_rows_sql(rows, where) for name, where in options.subsets.items()}
    exclusions = [reasons[0] for reasons in {**raw.excluded, **train.excluded}.values()]
    card_data = CardData(
        repo_id=repo_id,
        name=name,
        curate_version=__version__,
        funnels=store.list_funnels(),
        excluded=Counter(f"publish/{exclusion.reason}" for exclusion in exclusions),
        filters_about=options.filters.about,
        unverified=options.filters.unverified,
        lite=options.lite,
        subsets=options.subsets,
        licenses=Counter(get_str(row, "license_spdx") for row in rows),
        statistics=_make_statistics(rows, subsets["lite"]) if rows else None,
    )
    content = ReleaseContent(card_data=card_data, train=rows, raw=raw.rows, subsets=subsets)
    return content, exclusions


def select_release_ids(
    settings: Settings, store: Store, options: ReleaseOptions
) -> tuple[str, ...]:
    """Return the ids of the verified instances that a release with *options* contains."""
    if not options.where:  # no row is needed
        excluded = excluded_instances(settings, store, options.filters)
        verified = store.validated_inputs(rejected=False)
        return tuple(sorted(verified.keys() - excluded.keys()))
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        rows = make_train_rows(store, codebases, options.filters).rows
    return tuple(get_str(row, "instance_id") for row in _filter_where(rows, options))


def _filter_where(rows: Sequence[Row], options: ReleaseOptions) -> list[Row]:
    return filter_rows_sql(rows, options.where) if options.where else list(rows)


def _explain_empty(options: ReleaseOptions, *, verified: int) -> ConfigurationError:
    message = "The release would have no instance: "
    if not verified:
        return ConfigurationError(
            message + "no candidate has been verified.",
            hint="Run: curate validate. Candidates alone: curate export --split raw pool.parquet",
        )
    if options.where:
        reason = f"none of {verified:,} verified ones is included and fits --where."
    else:
        reason = f"all {verified:,} verified ones are excluded."
    return ConfigurationError(message + reason, hint="For the reasons see: curate status")


def _make_statistics(train: Sequence[Row], lite: Sequence[Row]) -> DatasetStatistics:
    own_means = {"train": compute_means(train)} | ({"lite": compute_means(lite)} if lite else {})
    names = {"SWE-Gym": "swe-gym", "SWE-Gym Lite": "swe-gym-lite"}
    return DatasetStatistics(
        own_means=own_means,
        paper_means={label: load_paper_statistics(name) for label, name in names.items()},
        counts_by_repo=counts_by_repo(train),
        paper_counts_by_repo=load_paper_counts(),
    )
