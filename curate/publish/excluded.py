"""Verified instances that the release filters exclude.

The result is stored until an instance, the filters or a person's judgement changes; then only what
has changed is examined.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.context import ProgressCallback, PublishContext, ignore_progress
from curate.publish.filters.config import ReleaseFilters, as_exclusion, read_filters
from curate.publish.stored_exclusions import ExclusionsById, read_exclusions
from curate.store import Store

if TYPE_CHECKING:
    from curate.publish.check import ReleaseProblem
    from curate.publish.filters.apply import SplitExaminers

MAX_QUICK_ROWS = 20  # rows that a command which must be quick makes


@dataclass(frozen=True, kw_only=True)
class KnownExclusions:
    """What is known of exclusions without long work; `unknown` instances must be examined first."""

    exclusions: ExclusionsById = field(default_factory=dict)
    unknown: int = 0


def excluded_instances(
    settings: Settings,
    store: Store,
    filters: ReleaseFilters | None = None,
    progress: ProgressCallback = ignore_progress,
) -> ExclusionsById:
    """Return the verified instances that *filters* exclude (default: those of the settings)."""
    filters = filters or read_filters(settings.release_filters)
    with _open_context(settings, store, progress) as ctx:
        stored = read_exclusions(ctx, filters)
        if stored is not None:
            return stored
        from curate.publish.tables import find_exclusions

        return find_exclusions(ctx, filters)


def known_exclusions(settings: Settings, store: Store) -> KnownExclusions:
    """Return the exclusions by the filters of the settings if that takes no long work."""
    filters = read_filters(settings.release_filters)
    with _open_context(settings, store, ignore_progress) as ctx:
        stored = read_exclusions(ctx, filters)
        if stored is not None:
            return KnownExclusions(exclusions=stored)
        from curate.publish.tables import count_unexamined, find_exclusions

        unknown = count_unexamined(ctx, filters)
        if unknown > MAX_QUICK_ROWS:
            return KnownExclusions(unknown=unknown)
        return KnownExclusions(exclusions=find_exclusions(ctx, filters))


def instance_exclusions(settings: Settings, store: Store, names: Sequence[str]) -> KnownExclusions:
    """Return the exclusions of the candidates *names* without long work.

    `unknown` is not 0 if others were not examined yet: then the instances are not compared with
    them. Of candidates that are not verified, exclusions by people are returned.
    """
    verified = [name for name in store.verified_inputs() if name in {*names}]
    manual = {
        name: [as_exclusion(it)]
        for name, it in store.manual_exclusions.read_all().items()
        if name in {*names} and name not in verified
    }
    if not verified:
        return KnownExclusions(exclusions=manual)
    known = known_exclusions(settings, store)
    if known.unknown:
        from curate.publish.tables import find_own_exclusions

        filters = read_filters(settings.release_filters)
        with _open_context(settings, store, ignore_progress) as ctx:
            known = replace(known, exclusions=find_own_exclusions(ctx, filters, verified))
    return replace(known, exclusions={**known.exclusions, **manual})


@contextmanager
def _open_context(
    settings: Settings, store: Store, progress: ProgressCallback
) -> Iterator[PublishContext]:
    from curate.publish.measures.codebase import CodebaseReader

    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        yield PublishContext(store=store, codebases=codebases, progress=progress)


def make_examiners(settings: Settings, filters: ReleaseFilters) -> "SplitExaminers":
    """Return examiners that know the rows of the store, if there is one."""
    from curate.publish.filters.apply import SplitExaminers
    from curate.publish.tables import remember_examined

    examiners = SplitExaminers(filters)
    if (settings.data_dir / "curate.sqlite").exists():
        with (
            Store(settings.data_dir) as store,
            _open_context(settings, store, ignore_progress) as ctx,
        ):
            remember_examined(ctx, examiners)
    return examiners


def count_by_reason(exclusions: ExclusionsById, repo: str) -> dict[str, int]:
    """Count excluded instances of *repo* by reason, most frequent first.

    An instance with several reasons counts for each of them.
    """
    id_prefix = repo.replace("/", "__") + "-"
    reason_counts = Counter(
        reason
        for name, row_exclusions in exclusions.items()
        if name.startswith(id_prefix) and name.removeprefix(id_prefix).isdigit()
        for reason in {exclusion.reason for exclusion in row_exclusions}
    )
    return dict(sorted(reason_counts.items(), key=lambda item: (-item[1], item[0])))


def as_release_problems(
    settings: Settings, filters: ReleaseFilters, progress: ProgressCallback = ignore_progress
) -> "list[ReleaseProblem]":
    """Return exclusions as warnings of a release check; none if there is no store."""
    from curate.publish.check import ReleaseProblem

    if not (settings.data_dir / "curate.sqlite").exists():
        return []
    with Store(settings.data_dir) as store:
        exclusions = excluded_instances(settings, store, filters, progress)
    return [
        ReleaseProblem(
            split="train", instance_id=name, reason=f"excluded: {exclusion}", blocks_push=False
        )
        for name, row_exclusions in exclusions.items()
        for exclusion in row_exclusions
    ]
