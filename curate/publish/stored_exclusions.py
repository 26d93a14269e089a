"""Exclusions of verified instances, stored until anything that they depend on changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from curate.publish.certified import read_defects
from curate.publish.code_hash import hash_inputs
from curate.publish.context import PublishContext
from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.measures.benchmark_overlap import read_benchmark_bytes

ExclusionsById = Mapping[str, Sequence[Exclusion]]
"""All reasons for excluding an instance, by instance id."""

_EXCLUSIONS = "exclusions"


def read_exclusions(ctx: PublishContext, filters: ReleaseFilters) -> ExclusionsById | None:
    """Return the stored exclusions by *filters*; None if something has changed."""
    packed = ctx.store.derived.get(_EXCLUSIONS, _make_key(filters), _hash_state(ctx, filters))
    if packed is None:
        return None
    exclusions: dict[str, list[Exclusion]] = {}
    for fields in json.loads(packed):
        exclusions.setdefault(fields["instance_id"], []).append(Exclusion(**fields))
    return exclusions


def save_exclusions(
    ctx: PublishContext, filters: ReleaseFilters, exclusions: ExclusionsById
) -> None:
    """Store the exclusions by *filters*."""
    packed = json.dumps([asdict(each) for them in exclusions.values() for each in them]).encode()
    ctx.store.derived.save(_EXCLUSIONS, [(_make_key(filters), _hash_state(ctx, filters), packed)])


def _make_key(filters: ReleaseFilters) -> str:
    """Key of an entry: commands that take turns with different filters keep each other's."""
    return hashlib.sha256(filters.model_dump_json().encode()).hexdigest()[:32]


def hash_filters(filters: ReleaseFilters) -> str:
    """Return a hash of *filters* and of the lists that they name."""
    lists = [read_benchmark_bytes(name) for name in filters.contamination.lists]
    return hash_inputs(filters.model_dump_json(), lists)


def hash_row_filters(filters: ReleaseFilters) -> str:
    """Return `hash_filters` without what concerns `ChangingFacts`, which come after the rows."""
    changing = {"failed_evaluation": "exclude", "failed_certification": "exclude"}
    tests = filters.tests.model_copy(update=changing)
    return hash_filters(filters.model_copy(update={"tests": tests}))


def _hash_state(ctx: PublishContext, filters: ReleaseFilters) -> str:
    """Hash of everything that exclusions depend on."""
    store = ctx.store
    return hash_inputs(
        hash_filters(filters),
        list(store.verified_inputs().items()),
        [ctx.codebases.has_mirror(repo) for repo in store.list_repositories()],
        store.manual_exclusions.read_all(),
        _list_failures(ctx, filters),
        sorted(read_defects(store).items()),
        # Leak groups include all candidates, verified or not.
        list(store.candidate_hashes().items()) if filters.one_per_leak_group else (),
    )


def _list_failures(ctx: PublishContext, filters: ReleaseFilters) -> list[tuple[str, str, str]]:
    """Evaluations that filters exclude; that others were checked changes no exclusion."""
    if filters.tests.failed_evaluation == "include":
        return []
    known = ctx.store.eval_checks.load()
    return sorted((*key, problem) for key, problem in known.items() if problem)
