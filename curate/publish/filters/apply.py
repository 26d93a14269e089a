"""Apply release filters to rows: which are included, and why the others are excluded."""

import re
from collections.abc import Iterable, Iterator, Sequence

from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.filters.near_duplicates import JaccardIndex
from curate.publish.filters.secrets import find_secrets
from curate.publish.measures.benchmark_overlap import (
    PATCH_HASH_DIGITS,
    BenchmarkTasks,
    compute_patch_hash,
)
from curate.releases.row import Row, get_int, get_list, get_optional_number, get_str

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"https?://|\bwww\.")
_TEXTS = ("problem_statement", "hints_text", "patch", "test_patch")

FAILED_EVALUATION = "failed-evaluation"  # a client would not grade it as validation did

ReasonDetail = tuple[str, str]  # (reason, detail)


def apply_filters(
    rows: Sequence[Row], filters: ReleaseFilters, benchmarks: Sequence[BenchmarkTasks]
) -> tuple[list[Row], dict[str, list[Exclusion]]]:
    """Return the included *rows*, in order, and all exclusions by instance id.

    Of near-duplicates, and of a leak group if only one row per group is allowed, the oldest row is
    included. Rows excluded for another reason are not compared.
    """
    reasons_by_id = {
        get_str(row, "instance_id"): reasons
        for row in rows
        if (reasons := list(_find_reasons(row, filters, benchmarks)))
    }
    remaining = [row for row in rows if get_str(row, "instance_id") not in reasons_by_id]
    reasons_by_id |= {
        name: [reason]
        for name, reason in _find_duplicates(sorted(remaining, key=_age_key), filters).items()
    }
    excluded = {
        name: [
            Exclusion(instance_id=name, reason=reason, detail=detail)
            for reason, detail in row_reasons
        ]
        for name, row_reasons in reasons_by_id.items()
    }
    return [row for row in rows if get_str(row, "instance_id") not in reasons_by_id], excluded


def _find_reasons(
    row: Row, filters: ReleaseFilters, benchmarks: Sequence[BenchmarkTasks]
) -> Iterator[ReasonDetail]:
    yield from _check_contamination(row, filters, benchmarks)
    yield from _check_license(row, filters)
    if filters.secrets:
        yield from (
            ("secret", f"{name}: {s}") for name in _TEXTS for s in find_secrets(get_str(row, name))
        )
    yield from _check_bounds(row, filters)


def _check_contamination(
    row: Row, filters: ReleaseFilters, benchmarks: Sequence[BenchmarkTasks]
) -> Iterator[ReasonDetail]:
    contamination, digest = filters.contamination, ""
    if contamination.patches and any(one.patches for one in benchmarks):
        digest = compute_patch_hash(get_str(row, "patch").encode())[:PATCH_HASH_DIGITS]
    for one in benchmarks:
        if contamination.repositories and get_str(row, "repo").lower() in one.repositories:
            yield "benchmark-repository", f"{get_str(row, 'repo')} is a repository of {one.name}"
        if contamination.pulls and get_str(row, "instance_id").lower() in one.ids:
            yield "benchmark-pull", f"is in {one.name}"
        if digest and digest in one.patches:
            yield "benchmark-patch", f"the same change is in {one.name}"


def _check_license(row: Row, filters: ReleaseFilters) -> Iterator[ReasonDetail]:
    expression = get_str(row, "license_spdx")
    allowed = set(filters.license.allowed)
    if not expression and filters.license.unknown == "exclude":
        yield "license-unknown", ""
    # Every license must be allowed: for "A OR B" curate does not choose one.
    names = set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()\s]+", expression)) - {""}
    if allowed and names - allowed:
        yield "license", expression


def _check_bounds(row: Row, filters: ReleaseFilters) -> Iterator[ReasonDetail]:
    statement, patch = get_str(row, "problem_statement"), get_str(row, "patch")
    bounds = [
        ("words", len(statement.split()), filters.text.min_words, filters.text.max_words),
        ("characters", len(statement), filters.text.min_characters, None),
        ("links", len(_LINK.findall(statement)), 0, filters.text.max_links),
        ("english", ascii_letter_ratio(statement), filters.text.min_english, None),
        ("patch-words", len(patch.split()), 0, filters.patch.max_words),
    ]
    if "FAIL_TO_PASS" in row:
        f2p, p2p = len(get_list(row, "FAIL_TO_PASS")), len(get_list(row, "PASS_TO_PASS"))
        files = get_int(row, "files_edited")
        bounds += [
            ("files", files, filters.patch.min_files, filters.patch.max_files),
            ("fail-to-pass", f2p, 0, filters.tests.max_fail_to_pass),
            ("pass-to-pass", p2p, filters.tests.min_pass_to_pass, None),
        ]
        yield from _check_test_strength(row, filters)
        yield from _check_flakiness(row, filters)
        if row.get("eval_verified") is False and filters.tests.failed_evaluation == "exclude":
            yield FAILED_EVALUATION, ""
        yield from _check_leaks(row, filters)
    for name, value, minimum, maximum in bounds:
        if value < minimum:
            yield f"{name}-out-of-bounds", f"{value:g}, minimum {minimum:g}"
        elif maximum is not None and value > maximum:
            yield f"{name}-out-of-bounds", f"{value:g}, maximum {maximum:g}"


def _check_test_strength(row: Row, filters: ReleaseFilters) -> Iterator[ReasonDetail]:
    strength = get_optional_number(row, "test_strength")
    if (
        strength is None
        and filters.tests.min_test_strength
        and filters.tests.unmeasured == "exclude"
    ):
        yield "strength-unmeasured", ""
    elif strength is not None and strength < filters.tests.min_test_strength:
        minimum = filters.tests.min_test_strength
        yield "weak-tests", f"test strength {strength:.2f}, minimum {minimum:.2f}"


def _check_flakiness(row: Row, filters: ReleaseFilters) -> Iterator[ReasonDetail]:
    maximum = filters.tests.max_expected_flaky
    expected = get_optional_number(row, "expected_new_flaky_tests")
    if maximum is None:
        return
    if expected is None and filters.tests.unmeasured == "exclude":
        yield "flakiness-unmeasured", ""
    elif expected is not None and expected > maximum:
        yield "flaky-tests", f"{expected:.2f} new flaky tests expected per run, maximum {maximum:g}"


def _check_leaks(row: Row, filters: ReleaseFilters) -> Iterator[ReasonDetail]:
    fraction = get_optional_number(row, "leaked_patch_fraction") or 0
    if fraction > filters.leaks.max_share:
        yield "leak", f"{fraction:.2f} of the gold patch is in the problem statement"
    yield from (
        ("leak", kind) for kind in get_list(row, "solution_leaks") if kind in filters.leaks.exclude
    )


def ascii_letter_ratio(statement: str) -> float:
    """Return the share of ASCII among the letters outside code; 1 for a text without letters."""
    letters = [char for char in _CODE.sub("", statement) if char.isalpha()]
    return sum(char.isascii() for char in letters) / len(letters) if letters else 1.0


def _find_duplicates(
    oldest_first: Iterable[Row], filters: ReleaseFilters
) -> dict[str, ReasonDetail]:
    index, groups = JaccardIndex(), dict[str, str]()
    reasons: dict[str, ReasonDetail] = {}
    for row in oldest_first:
        name, group = get_str(row, "instance_id"), row.get("leak_group")
        if filters.one_per_leak_group and isinstance(group, str) and group in groups:
            reasons[name] = ("leak-group", f"same leak group as {groups[group]}")
            continue
        if filters.near_duplicate_threshold:
            content = f"{get_str(row, 'problem_statement')}\n{get_str(row, 'patch')}"
            other, similarity = index.most_similar(content)
            if similarity >= filters.near_duplicate_threshold:
                reasons[name] = ("near-duplicate", f"of {other}, similarity {similarity:.2f}")
                continue
            index.add(name, content)
        if isinstance(group, str):
            groups[group] = name
    return reasons


def _age_key(row: Row) -> tuple[str, str]:
    return get_str(row, "created_at"), get_str(row, "instance_id")
