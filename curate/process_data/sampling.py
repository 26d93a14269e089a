"""Rejection sampling: which attempts of a model are good enough to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.process_data.location_rate import (
    LocationRate,
    TaggedLocations,
    compute_location_rate,
    shares_location,
)
from curate.process_data.patch_similarity import compute_patch_similarity


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a model made of an instance."""

    instance_id: str
    name: str  # of the attempt among those of its instance
    locations: tuple[TaggedLocations, ...]  # that it named, or that its patch changes
    patch: bytes
    is_resolved: bool | None = None  # None = its tests were not run


@dataclass(frozen=True, kw_only=True)
class Gold:
    """What an attempt is compared with."""

    locations: tuple[TaggedLocations, ...]
    patch: bytes


@dataclass(frozen=True, kw_only=True)
class SamplingRules:
    """What an attempt must fulfill; None = nothing of that kind.

    *unverified* names the rules whose values are not known to be those of their source.
    """

    min_location_overlap: float | None = None
    min_patch_similarity: float | None = None
    tests: str = "ignored"  # "ignored", "not-failed" or "passed"
    source: str = ""
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether an attempt is selected, and all that was measured of it."""

    instance_id: str
    name: str
    is_selected: bool
    reasons: tuple[str, ...]  # rules that it does not fulfill
    location_overlap: float | None  # None = neither side has locations
    location_rate: LocationRate
    patch_similarity: float
    is_resolved: bool | None


def judge_attempt(attempt: Attempt, gold: Gold, rules: SamplingRules) -> Decision:
    """Measure *attempt* and compare with *rules*; the same arguments give the same decision."""
    overlap = compute_location_overlap(attempt.locations, gold.locations)
    similarity = compute_patch_similarity(attempt.patch, gold.patch)
    broken = {
        "no-patch": not attempt.patch.strip(),
        "location-overlap": _is_below(overlap, rules.min_location_overlap),
        "patch-similarity": _is_below(similarity, rules.min_patch_similarity),
        "tests-failed": rules.tests != "ignored" and attempt.is_resolved is False,
        "tests-not-run": rules.tests == "passed" and attempt.is_resolved is None,
    }
    reasons = tuple(reason for reason, is_broken in broken.items() if is_broken)
    return Decision(
        instance_id=attempt.instance_id,
        name=attempt.name,
        is_selected=not reasons,
        reasons=reasons,
        location_overlap=overlap,
        location_rate=compute_location_rate(attempt.locations, gold.locations),
        patch_similarity=similarity,
        is_resolved=attempt.is_resolved,
    )


def compute_location_overlap(
    predicted: Sequence[TaggedLocations], gold: Sequence[TaggedLocations]
) -> float | None:
    """Return the common locations divided by all of both; None if there are none at all.

    Unlike SWE-GPT's rates, a name counts in its file only, and what is named in vain lowers it.
    """
    ours = {(it.path.lstrip("/"), tag) for it in predicted for tag in it.tags}
    theirs = {(it.path.lstrip("/"), tag) for it in gold for tag in it.tags}
    if not ours and not theirs:
        return None
    hits = {it for it in ours if any(_is_same(it, other) for other in theirs)}
    found = {it for it in theirs if any(_is_same(other, it) for other in ours)}
    return len(found) / (len(theirs) + len(ours) - len(hits))


def _is_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[0] == other[0] and shares_location(one[1], other[1])


def _is_below(value: float | None, limit: float | None) -> bool:
    return limit is not None and (value is None or value < limit)
