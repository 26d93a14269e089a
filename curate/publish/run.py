"""Publishing: rows to a release directory, images to a registry."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate import __version__
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.card import CardData, DatasetStatistics
from curate.publish.check import ReleaseProblem
from curate.publish.context import ProgressCallback, PublishContext, ignore_progress
from curate.publish.filters.apply import SplitExaminers
from curate.publish.filters.config import Exclusion, ReleaseFilters, read_filters
from curate.publish.filters.where import filter_rows_sql
from curate.publish.hub import PushOptions, PushResult, push_folder, tag_commit
from curate.publish.images import list_images, make_image, set_images
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.swebench_lite import COLUMN_BY_MODE
from curate.publish.push_estimate import PushEstimate, estimate_push
from curate.publish.release import ReleaseContent, write_release
from curate.publish.rows import PublishedImage
from curate.publish.statistics import MeasuredRows, load_paper_counts, load_paper_statistics
from curate.publish.tables import make_raw_rows, make_train_rows
from curate.releases.row import get_list, get_str
from curate.releases.table import RowTable
from curate.store import Store

log = logging.getLogger(__name__)

MAX_LISTED = 20  # maximum number of exclusions and problems that are logged one by one

ImagePusher = Callable[[str, str, str], tuple[str, int]]
"""(local image, repository, tag) -> (reference by digest, bytes sent)"""


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    """Which instances a release contains, and its extra splits."""

    filters: ReleaseFilters = field(default_factory=ReleaseFilters)
    where: str = ""  # SQL expression on verified rows; "" = all
    lite: str = "coded"  # SWE-bench Lite's criteria as "coded" or as "documented"
    subsets: Mapping[str, str] = field(default_factory=dict)  # SQL expression by split name
    progress: ProgressCallback = ignore_progress


def image_repository_name(namespace: str, instance_id: str) -> str:
    """Return an image name in SWE-Gym's form: `…/sweb.eval.x86_64.owner_s_name-N`."""
    return f"{namespace.rstrip('/')}/sweb.eval.x86_64.{instance_id.replace('__', '_s_').lower()}"


def write_filtered_release(
    settings: Settings,
    store: Store,
    folder: Path,
    *,
    repo_id: str = "",
    images: Mapping[str, PublishedImage] | None = None,
    options: ReleaseOptions | None = None,
) -> SplitExaminers:
    """Write a release of *store* to *folder*, by default with the filters of the settings.

    Returns what has examined its rows, for a check of the release.
    """
    options = options or ReleaseOptions(filters=read_filters(settings.release_filters))
    name = repo_id or f"local/{folder.resolve().name}"
    examiners = SplitExaminers(options.filters)
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        ctx = PublishContext(store=store, codebases=codebases, progress=options.progress)
        written, exclusions = build_release(
            ctx, folder, repo_id=name, images=images or {}, options=options, examiners=examiners
        )
    for number, exclusion in enumerate(exclusions):
        level = logging.INFO if number < MAX_LISTED else logging.DEBUG
        log.log(level, "excluded %s: %s", exclusion.instance_id, exclusion)
    if len(exclusions) > MAX_LISTED:
        log.info("excluded %s more", f"{len(exclusions) - MAX_LISTED:,}")
    log.info("Release written to %s", written)
    return examiners


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


def push_missing_images(store: Store, registry: str) -> Mapping[str, PublishedImage]:
    """Push images of verified instances missing in *registry*; return all images by instance id."""
    from curate.builders.engine.client import connect_to_engine
    from curate.builders.engine.registry import push_image

    client = connect_to_engine()

    def push(image: str, repository: str, tag: str) -> tuple[str, int]:
        result = push_image(client, image, repository, tag)
        client.images.remove(f"{repository}:{tag}", noprune=True)  # a tag would block its eviction
        return result.reference, result.pushed_bytes

    def log_pushed(name: str, sent: int) -> None:
        log.info("pushed %s: %.1f MB of new layers", name, sent / 1e6)

    return push_images(store, registry, push, log_pushed)


def estimate_missing_images(store: Store, registry: str) -> PushEstimate:
    """Estimate a push of the images missing in *registry*."""
    inventory = list_images(store, registry)
    return estimate_push(inventory.local_environments.items(), inventory.registry_images.keys())


def push_images(
    store: Store, registry: str, push: ImagePusher, on_pushed: Callable[[str, int], None]
) -> Mapping[str, PublishedImage]:
    """Push images of verified instances missing in *registry*; return all images by instance id.

    Each push is recorded immediately, so another call sends only what is missing. *on_pushed* is
    called with the instance id and the bytes sent.
    """
    inventory = list_images(store, registry)
    published = dict(inventory.registry_images)
    for name, env in inventory.local_environments.items():
        if name not in inventory.registry_images:
            reference, sent = push(env.handle, image_repository_name(registry, name), "latest")
            store.save_pushed_image(name, registry, env.digest, reference)
            on_pushed(name, sent)
            published[name] = make_image(reference, env)
    return published


def build_release(
    ctx: PublishContext,
    folder: Path,
    *,
    repo_id: str,
    images: Mapping[str, PublishedImage],
    options: ReleaseOptions,
    examiners: SplitExaminers,
) -> tuple[Path, Sequence[Exclusion]]:
    """Write a release to *folder*; return its path and the first exclusion of each instance.

    Raises ConfigurationError if nothing has been crawled.
    """
    if not ctx.store.list_repositories():
        raise ConfigurationError(
            "Nothing to publish: no repository has been crawled.",
            hint="Run curate crawl OWNER/NAME, then curate validate.",
        )
    train = make_train_rows(ctx, examiners.train)
    raw = make_raw_rows(ctx, examiners.raw)
    rows = set_images(train.rows, images)
    rows = filter_rows_sql(rows, options.where) if options.where else rows
    survey = _survey_rows(rows, COLUMN_BY_MODE[options.lite], options.progress)
    subsets = {"lite": rows.select(survey.lite_ids)}
    subsets |= {name: filter_rows_sql(rows, where) for name, where in options.subsets.items()}
    exclusions = [reasons[0] for reasons in {**raw.excluded, **train.excluded}.values()]
    card_data = CardData(
        repo_id=repo_id,
        curate_version=__version__,
        funnels=ctx.store.list_funnels(),
        excluded=Counter(f"publish/{exclusion.reason}" for exclusion in exclusions),
        filters_about=options.filters.about,
        unverified=options.filters.unverified,
        lite=options.lite,
        subsets=options.subsets,
        licenses=survey.licenses,
        statistics=survey.make_statistics() if rows.ids else None,
    )
    content = ReleaseContent(
        card_data=card_data,
        train=rows,
        raw=raw.rows,
        subsets=subsets,
        progress=options.progress,
    )
    return write_release(folder, content), exclusions


@dataclass(kw_only=True)
class _Survey:
    """What the card says of the rows of train, and which of them are in lite."""

    licenses: Counter[str] = field(default_factory=Counter)
    lite_ids: list[str] = field(default_factory=list)
    measures: MeasuredRows = field(default_factory=MeasuredRows)
    lite_measures: MeasuredRows = field(default_factory=MeasuredRows)

    def make_statistics(self) -> DatasetStatistics:
        own_means = {"train": self.measures.compute_means()}
        if self.lite_ids:
            own_means["lite"] = self.lite_measures.compute_means()
        names = {"SWE-Gym": "swe-gym", "SWE-Gym Lite": "swe-gym-lite"}
        return DatasetStatistics(
            own_means=own_means,
            paper_means={label: load_paper_statistics(name) for label, name in names.items()},
            counts_by_repo=self.measures.counts_by_repo(),
            paper_counts_by_repo=load_paper_counts(),
        )


def _survey_rows(rows: RowTable, lite_column: str, progress: ProgressCallback) -> _Survey:
    survey = _Survey()
    for number, row in enumerate(rows, 1):
        progress("measuring rows", number, len(rows))
        survey.licenses[get_str(row, "license_spdx")] += 1
        survey.measures.add(row)
        if not get_list(row, lite_column):
            survey.lite_ids.append(get_str(row, "instance_id"))
            survey.lite_measures.add(row)
    return survey
