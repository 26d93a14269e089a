"""Verified instances that the release filters exclude.

Computing them compares thousands of instances with each other, so the result is cached until an
instance, the filters or curate's version changes.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from curate import __version__
from curate.builders.process.atomic_write import atomic_write
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.filters.config import Exclusion, read_filters
from curate.store import Store

if TYPE_CHECKING:
    from curate.publish.check import ReleaseProblem
import hashlib
from collections import Counter
from dataclasses import asdict

from curate.publish.filters.config import ReleaseFilters
from curate.publish.measures.benchmark_overlap import read_benchmark_bytes

ExclusionsById = Mapping[str, Sequence[Exclusion]]
"""All reasons for excluding a verified instance, by instance id."""


def excluded_instances(
    settings: Settings, store: Store, filters: ReleaseFilters | None = None
) -> ExclusionsById:
    """Return the verified instances that *filters* exclude (default: those of the settings)."""
    filters = filters or read_filters(settings.release_filters)
    cache_file = settings.cache_dir / "held" / f"{settings.run_owner}.json"
    state_hash = _compute_state_hash(settings, store, filters)
    if (cached := _read_cached(cache_file, state_hash)) is not None:
        return cached
    from curate.publish.measures.codebase import CodebaseReader
    from curate.publish.tables import find_exclusions

    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as bases:
        exclusions = find_exclusions(store, bases, filters)
    _write_cached(cache_file, state_hash, exclusions)
    return exclusions


def _compute_state_hash(settings: Settings, store: Store, filters: ReleaseFilters) -> str:
    """Hash of everything that the result depends on."""
    repositories = store.list_repositories()
    lists = [read_benchmark_bytes(name) for name in filters.contamination.lists]
    key_parts = (
        __version__,
        filters.model_dump_json(),
        [hashlib.sha256(each).hexdigest() for each in lists],
        store.verified_fingerprint(),
        sorted((*key, problem) for key, problem in store.eval_checks.load().items()),
        [str(find_mirror(settings, repo)) for repo in repositories],
        # Leak groups include all candidates, verified or not.
        [one.as_dict() for one in store.list_funnels()] if filters.one_per_leak_group else [],
    )
    return hashlib.sha256(json.dumps(key_parts).encode()).hexdigest()


def _read_cached(cache_file: Path, state: str) -> ExclusionsById | None:
    try:
        cached = json.loads(cache_file.read_text(encoding="utf-8"))
        if cached["state"] != state:
            return None
        return {
            name: [Exclusion(**each) for each in exclusions]
            for name, exclusions in cached["held"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_cached(cache_file: Path, state: str, exclusions: ExclusionsById) -> None:
    """Write the cache file atomically; ignore errors, as the next call is only slower then."""
    serialized = {
        name: [asdict(each) for each in row_exclusions]
        for name, row_exclusions in exclusions.items()
    }
    with suppress(OSError):
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(cache_file) as partial:
            partial.write_text(json.dumps({"state": state, "held": serialized}), encoding="utf-8")


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


def as_release_problems(settings: Settings, filters: ReleaseFilters) -> "list[ReleaseProblem]":
    """Return exclusions as warnings of a release check; none if there is no store."""
    from curate.publish.check import ReleaseProblem

    if not (settings.data_dir / "curate.sqlite").exists():
        return []
    with Store(settings.data_dir) as store:
        exclusions = excluded_instances(settings, store, filters)
    return [
        ReleaseProblem(
            split="train", instance_id=name, reason=f"excluded: {exclusion}", blocks_push=False
        )
        for name, row_exclusions in exclusions.items()
        for exclusion in row_exclusions
    ]
