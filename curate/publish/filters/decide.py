"""Which rows are excluded, from what filters know of each and what may change while it stays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.filters.examined_row import ExaminedRow, ReasonDetail
from curate.publish.filters.near_duplicates import JaccardIndex, find_common_triples
from curate.releases.row import Row, get_str

FAILED_EVALUATION = "failed-evaluation"  # a client would not grade it as validation did
FAILED_CERTIFICATION = "certification-failed"  # gold passes no longer, or its image is gone
FACT_COLUMNS = ("instance_id", "leak_group", "eval_verified", "certified_passes")


@dataclass(frozen=True, kw_only=True)
class ChangingFacts:
    """What may change while a row stays what it is, by instance id."""

    leak_groups: Mapping[str, str] = field(default_factory=dict)
    evaluation_problems: Mapping[str, str] = field(default_factory=dict)  # of failed evaluations
    certification_problems: Mapping[str, str] = field(default_factory=dict)  # of failed ones


def read_facts(rows: Iterable[Row]) -> ChangingFacts:
    """Return the facts that `FACT_COLUMNS` of *rows* tell."""
    groups, problems, broken = dict[str, str](), dict[str, str](), dict[str, str]()
    for row in rows:
        name, group = get_str(row, "instance_id"), row.get("leak_group")
        if isinstance(group, str):
            groups[name] = group
        if row.get("eval_verified") is False:
            problems[name] = ""
        if row.get("certified_passes") == 0:
            broken[name] = "gold passed in no run"
    return ChangingFacts(
        leak_groups=groups, evaluation_problems=problems, certification_problems=broken
    )


def decide_exclusions(
    examined: Iterable[ExaminedRow], filters: ReleaseFilters, facts: ChangingFacts = ChangingFacts()
) -> dict[str, list[Exclusion]]:
    """Return all exclusions by instance id.

    Of near-duplicates, and of a leak group if only one row per group is allowed, the oldest row is
    included. Rows excluded for another reason are not compared.
    """
    excludes_failed = filters.tests.failed_evaluation == "exclude"
    problems = facts.evaluation_problems if excludes_failed else {}
    excludes_broken = filters.tests.failed_certification == "exclude"
    broken = facts.certification_problems if excludes_broken else {}
    reasons_by_id: dict[str, Sequence[ReasonDetail]] = {}
    remaining = []
    for row in examined:
        name = row.instance_id
        failed = [(FAILED_EVALUATION, problems[name])] if name in problems else []
        failed += [(FAILED_CERTIFICATION, broken[name])] if name in broken else []
        if row.reasons or failed:
            reasons_by_id[name] = [*row.reasons, *failed]
        else:
            remaining.append(row)
    oldest_first = sorted(remaining, key=lambda row: row.age)
    duplicates = _find_duplicates(oldest_first, filters, facts.leak_groups)
    reasons_by_id |= {name: [reason] for name, reason in duplicates.items()}
    return {
        name: [
            Exclusion(instance_id=name, reason=reason, detail=detail)
            for reason, detail in row_reasons
        ]
        for name, row_reasons in reasons_by_id.items()
    }


def _find_duplicates(
    oldest_first: Sequence[ExaminedRow], filters: ReleaseFilters, leak_groups: Mapping[str, str]
) -> dict[str, ReasonDetail]:
    common = find_common_triples([row.triples for row in oldest_first])
    index, groups = JaccardIndex(filters.near_duplicate_threshold, common), dict[str, str]()
    reasons: dict[str, ReasonDetail] = {}
    for row in oldest_first:
        name, group = row.instance_id, leak_groups.get(row.instance_id)
        if filters.one_per_leak_group and group in groups:
            reasons[name] = ("leak-group", f"same leak group as {groups[group]}")
            continue
        if filters.near_duplicate_threshold:
            other, similarity = index.find_and_add(name, row.triples)
            if other:
                reasons[name] = ("near-duplicate", f"of {other}, similarity {similarity:.2f}")
                continue
        if group:
            groups[group] = name
    return reasons
