"""Publishing: rows to a release directory, images to a registry."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate import __version__
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.card import CardData
from curate.publish.certified import read_newest
from curate.publish.check import ReleaseProblem
from curate.publish.context import ProgressCallback, PublishContext, ignore_progress
from curate.publish.filters.apply import RowExaminer, SplitExaminers
from curate.publish.filters.config import Exclusion, ReleaseFilters, read_filters
from curate.publish.filters.where import filter_rows_sql
from curate.publish.hub import PushOptions, PushResult, push_folder, tag_commit
from curate.publish.images import count_local_images
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.swebench_lite import COLUMN_BY_MODE
from curate.publish.release import ReleaseContent, require_replaceable, write_release
from curate.publish.survey import survey_rows
from curate.publish.tables import FilteredRows, make_raw_rows, make_train_rows
from curate.releases.row import Row
from curate.releases.table import RowTable
from curate.store import Store
from curate.store.process_lock import PUBLICATION, process_lock

log = logging.getLogger(__name__)

MAX_LISTED = 20  # maximum number of exclusions and problems that are logged one by one

CheckRows = Callable[[RowTable], bool]
"""Check rows that the filters include; return whether one was found that must be excluded."""

SetImages = Callable[[RowTable], RowTable]
"""Rows with images of this machine -> rows with the images that a release names."""


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    """Which instances a release contains, and its extra splits."""

    filters: ReleaseFilters = field(default_factory=ReleaseFilters)
    where: str = ""  # SQL expression on verified rows; "" = all
    allow_no_instances: bool = False  # a release of candidates alone, else an error
    lite: str = "coded"  # SWE-bench Lite's criteria as "coded" or as "documented"
    subsets: Mapping[str, str] = field(default_factory=dict)  # SQL expression by split name
    progress: ProgressCallback = ignore_progress


@dataclass(frozen=True, kw_only=True)
class ReleaseSteps:
    """What happens to the rows of a release before they are written."""

    require: Callable[[Iterable[Row]], None] = lambda _: None  # sees id and image; may raise
    check: CheckRows = lambda _: False
    set_images: SetImages = lambda rows: rows
    before_replacing: Callable[[Path], None] = lambda new: None  # sees the new directory


@dataclass(frozen=True, kw_only=True)
class ReleaseSummary:
    """A written release."""

    folder: Path
    rows: Mapping[str, int]  # by split; splits without rows are left out
    images: int  # in a registry
    excluded: int  # verified instances and candidates that are in no split
    examiners: SplitExaminers  # which know its rows, for a check of the release


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

    Raises ConfigurationError if there is nothing to release, or *folder* cannot be one, and
    LockedError if another process publishes from the same data directory.
    """
    options = options or ReleaseOptions(filters=read_filters(settings.release_filters))
    require_replaceable(folder)
    examiners = SplitExaminers(options.filters)
    with (
        process_lock(settings.data_dir, PUBLICATION),
        CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases,
    ):
        ctx = PublishContext(store=store, codebases=codebases, progress=options.progress)
        train = select_checked_rows(ctx, examiners.train, options, steps)
        included = replace(train, rows=steps.set_images(train.rows))
        raw = make_raw_rows(ctx, examiners.raw)
        card = CardData(repo_id=repo_id, name=folder.resolve().name, funnels=store.list_funnels())
        content, exclusions = build_release(included, raw, options, card)
        content = replace(
            content,
            certifications=read_newest(store, included.rows.ids),
            signing_key=settings.signing_key,
        )
        written = write_release(folder, content, steps.before_replacing)
    for number, exclusion in enumerate(exclusions):
        level = logging.INFO if number < MAX_LISTED else logging.DEBUG
        log.log(level, "excluded %s: %s", exclusion.instance_id, exclusion)
    if len(exclusions) > MAX_LISTED:
        log.info("excluded %s more", f"{len(exclusions) - MAX_LISTED:,}")
    counts = {name: len(rows) for name, rows in content.tables.items()}
    told = ", ".join(f"{name} {count:,} rows" for name, count in counts.items())
    log.info("Release written to %s: %s; %s excluded", written, told, f"{len(exclusions):,}")
    return ReleaseSummary(
        folder=written,
        rows=counts,
        images=len(content.train) - count_local_images(content.train),
        excluded=len(exclusions),
        examiners=examiners,
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
    folder: Path, hub: str, *, private: bool, branch: str = "main", tag: str = "", token: str | None
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
    ctx: PublishContext, examiner: RowExaminer, options: ReleaseOptions, steps: ReleaseSteps
) -> FilteredRows:
    """Return the rows of a release, with images of this machine, checked.

    An excluded row makes room for its near-duplicates, so the filters are applied again then.
    Raises ConfigurationError if nothing has been crawled, or no verified instance is included.
    """
    if not ctx.store.list_repositories():
        raise ConfigurationError(
            "Nothing to publish: no repository has been crawled.",
            hint="Run curate crawl OWNER/NAME, then curate validate.",
        )
    asks_result = "eval_verified" in options.where  # known only after the check
    while True:
        train = make_train_rows(ctx, examiner)
        rows = train.rows if asks_result else _filter_where(train.rows, options)
        steps.require(rows.iter_columns(("instance_id", "image")))
        if not steps.check(rows):
            break
    rows = _filter_where(rows, options) if asks_result else rows
    if not rows.ids and not options.allow_no_instances:
        raise _explain_empty(options, verified=len(train.rows) + len(train.excluded))
    return replace(train, rows=rows)


def build_release(
    train: FilteredRows, raw: FilteredRows, options: ReleaseOptions, card: CardData
) -> tuple[ReleaseContent, Sequence[Exclusion]]:
    """Return the content of a release, and the first exclusion of each instance.

    *card* has what rows and options do not tell.
    """
    rows = train.rows
    survey = survey_rows(rows, COLUMN_BY_MODE[options.lite], options.progress)
    subsets = {"lite": rows.select(survey.lite_ids)}
    subsets |= {name: filter_rows_sql(rows, where) for name, where in options.subsets.items()}
    exclusions = [reasons[0] for reasons in {**raw.excluded, **train.excluded}.values()]
    card_data = replace(
        card,
        curate_version=__version__,
        excluded=Counter(f"publish/{exclusion.reason}" for exclusion in exclusions),
        filters_about=options.filters.about,
        unverified=options.filters.unverified,
        lite=options.lite,
        subsets=options.subsets,
        licenses=survey.licenses,
        certified=survey.certified,
        last_certified_at=survey.last_certified_at,
        statistics=survey.make_statistics() if rows.ids else None,
    )
    content = ReleaseContent(
        card_data=card_data, train=rows, raw=raw.rows, subsets=subsets, progress=options.progress
    )
    return content, exclusions


def select_release_ids(
    settings: Settings, store: Store, options: ReleaseOptions
) -> tuple[str, ...]:
    """Return the ids of the verified instances that a release with *options* contains."""
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        ctx = PublishContext(store=store, codebases=codebases, progress=options.progress)
        rows = make_train_rows(ctx, RowExaminer(options.filters)).rows
    return tuple(_filter_where(rows, options).ids)


def _filter_where(rows: RowTable, options: ReleaseOptions) -> RowTable:
    return filter_rows_sql(rows, options.where) if options.where else rows


def _explain_empty(options: ReleaseOptions, *, verified: int) -> ConfigurationError:
    message = "The release would have no instance: "
    if not verified:
        return ConfigurationError(
            message + "no candidate has been verified.",
            hint="For candidates alone: curate export --split raw pool.parquet",
        )
    if options.where:
        reason = f"none of {verified:,} verified ones is included and fits --where."
    else:
        reason = f"all {verified:,} verified ones are excluded."
    return ConfigurationError(message + reason, hint="For the reasons see: curate status")
