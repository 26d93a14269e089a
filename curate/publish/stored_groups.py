"""Facts from comparing all candidates: leak groups, and the highest number of a repository.

A candidate's fingerprint is computed once; the groups are computed when any candidate has changed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from curate.publish.code_hash import hash_inputs
from curate.publish.context import PublishContext
from curate.publish.measures.leak_groups import (
    Fingerprint,
    group_fingerprints,
    make_fingerprint,
    unpack_fingerprint,
)

_FINGERPRINTS, _GROUPS = "fingerprint", "leak-groups"


@dataclass(frozen=True, kw_only=True)
class CandidateGroups:
    """Leak group by instance id, and the highest known issue or PR number by repository."""

    leak_groups: Mapping[str, str]
    highest_numbers: Mapping[str, int]


def read_candidate_groups(ctx: PublishContext) -> CandidateGroups:
    """Return the facts of all candidates in the store, computing what is new."""
    hashes = ctx.store.candidate_hashes()
    inputs = hash_inputs(sorted(hashes.items()))
    packed = ctx.store.derived.get(_GROUPS, "", inputs)
    if packed is None:
        packed = _compute_groups(ctx, hashes)
        ctx.store.derived.save(_GROUPS, [("", inputs, packed)])
    leak_groups, highest_numbers = json.loads(packed)
    return CandidateGroups(leak_groups=leak_groups, highest_numbers=highest_numbers)


def count_unknown_candidates(ctx: PublishContext) -> int:
    """Return how many candidates have no fingerprint yet."""
    current = _hash_candidates(ctx.store.candidate_hashes())
    known = ctx.store.derived.inputs_by_key(_FINGERPRINTS)
    return sum(known.get(name) != inputs for name, inputs in current.items())


def _hash_candidates(hashes: Mapping[str, str]) -> dict[str, str]:
    return {name: hash_inputs(value) for name, value in hashes.items()}


def _compute_groups(ctx: PublishContext, hashes: Mapping[str, str]) -> bytes:
    highest_numbers: dict[str, int] = {}

    def note_numbers() -> Iterator[Fingerprint]:
        for each in _iter_fingerprints(ctx, hashes):
            known = highest_numbers.get(each.repo, 0)
            highest_numbers[each.repo] = max(known, each.highest_number)
            yield each

    return json.dumps([group_fingerprints(note_numbers()), highest_numbers]).encode()


def _iter_fingerprints(ctx: PublishContext, hashes: Mapping[str, str]) -> Iterator[Fingerprint]:
    """Yield the fingerprints of all candidates in the order of *hashes*: by repository."""
    derived = ctx.store.derived
    current = _hash_candidates(hashes)
    known = derived.inputs_by_key(_FINGERPRINTS)
    stale = [name for name, inputs in current.items() if known.get(name) != inputs]

    def make_stale() -> Iterator[tuple[str, str, bytes]]:
        for number, candidate in enumerate(ctx.store.iter_candidates(ids=stale), 1):
            ctx.progress("comparing candidates", number, len(stale))
            name = candidate.instance_id
            yield name, current[name], make_fingerprint(candidate).pack()

    derived.save(_FINGERPRINTS, make_stale())
    derived.keep_only(_FINGERPRINTS, current)
    for _, packed in derived.iter_data(_FINGERPRINTS, list(hashes)):
        yield unpack_fingerprint(packed)
