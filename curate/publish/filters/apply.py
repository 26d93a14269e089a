"""Apply release filters to rows: which are included, and why the others are excluded."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from curate.publish.filters.config import ReleaseFilters
from curate.publish.filters.examined_row import ExaminedRow, ReasonDetail
from curate.publish.filters.near_duplicates import hash_word_triples
from curate.publish.filters.secrets import find_secrets, may_hold_secrets
from curate.publish.measures.benchmark_overlap import (
    PATCH_HASH_DIGITS,
    BenchmarkTasks,
    compute_patch_hash,
    load_benchmark,
)
from curate.releases.row import Row, get_int, get_list, get_optional_number, get_str

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"https?://|\bwww\.")
_TEXTS = ("problem_statement", "hints_text", "patch", "test_patch")

Bound = tuple[str, Callable[[], float], float, float | None]  # name, value, minimum, maximum

# Columns that no reason of a row alone depends on; of lists of tests only the number counts.
_UNEXAMINED = frozenset({
    "image", "image_name", "image_digest", "eval_script", "eval_verified", "lock", "dockerfiles",
    "leak_group", "lite_violations", "lite_violations_documented", "fail_to_pass_node_ids",
    "pass_to_pass_node_ids", "certified_at", "certified_passes",
})  # fmt: skip
_COUNTED = frozenset({"FAIL_TO_PASS", "PASS_TO_PASS"})


class RowExaminer:
    """Examines rows, and knows those again that it has examined already."""

    def __init__(
        self, filters: ReleaseFilters, benchmarks: Sequence[BenchmarkTasks] | None = None
    ) -> None:
        """*benchmarks* are by default those that *filters* name."""
        self.filters = filters
        names = filters.contamination.lists
        self._benchmarks = (
            [load_benchmark(it) for it in names] if benchmarks is None else benchmarks
        )
        self._known: dict[bytes, ExaminedRow] = {}

    def examine(self, row: Row) -> ExaminedRow:
        """Return what the filters know of *row* alone."""
        digest = digest_row(row)
        if digest not in self._known:
            self.remember(self._examine(row, digest))
        return self._known[digest]

    def remember(self, examined: ExaminedRow) -> None:
        """Know a row when it comes again."""
        self._known[examined.digest] = examined

    def _examine(self, row: Row, digest: bytes) -> ExaminedRow:
        content = f"{get_str(row, 'problem_statement')}\n{get_str(row, 'patch')}"
        return ExaminedRow(
            instance_id=get_str(row, "instance_id"),
            created_at=get_str(row, "created_at"),
            digest=digest,
            reasons=tuple(_find_reasons(row, self.filters, self._benchmarks)),
            triples=hash_word_triples(content) if self.filters.near_duplicate_threshold else (),
        )


class SplitExaminers:
    """Examiners of a release's splits: only some filters apply to rows of the raw split."""

    def __init__(self, filters: ReleaseFilters) -> None:
        self.train = RowExaminer(filters)
        self.raw = RowExaminer(filters.for_raw_pool())


def digest_row(row: Row) -> bytes:
    """Return a hash of everything in *row* that filters examine."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(row.keys() - _UNEXAMINED):
        value = len(get_list(row, name)) if name in _COUNTED else row[name]
        text = value if isinstance(value, str) else json.dumps(value)
        data = text.encode("utf-8", "surrogatepass")
        digest.update(f"{name} {type(value).__name__} {len(data)}\n".encode())
        digest.update(data)
    return digest.digest()


def find_benchmark_repositories(repos: Sequence[str], filters: ReleaseFilters) -> Mapping[str, str]:
    """Return repository -> benchmark for those of *repos* whose every instance is excluded."""
    if not filters.contamination.repositories:
        return {}
    benchmarks = [load_benchmark(name) for name in filters.contamination.lists]
    found = {
        repo: [it.name for it in benchmarks if repo.lower() in it.repositories] for repo in repos
    }
    return {repo: names[0] for repo, names in found.items() if names}


def _find_reasons(
    row: Row, filters: ReleaseFilters, benchmarks: Sequence[BenchmarkTasks]
) -> Iterator[ReasonDetail]:
    yield from _check_contamination(row, filters, benchmarks)
    yield from _check_license(row, filters)
    if filters.secrets and may_hold_secrets("\0".join(get_str(row, name) for name in _TEXTS)):
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
    texts, patches = filters.text, filters.patch
    bounds: list[Bound] = [
        ("words", lambda: len(statement.split()), texts.min_words, texts.max_words),
        ("characters", lambda: len(statement), texts.min_characters, None),
        ("links", lambda: len(_LINK.findall(statement)), 0, texts.max_links),
        ("english", lambda: ascii_letter_ratio(statement), texts.min_english, None),
        ("patch-words", lambda: len(patch.split()), 0, patches.max_words),
    ]
    if "FAIL_TO_PASS" in row:
        f2p, p2p = len(get_list(row, "FAIL_TO_PASS")), len(get_list(row, "PASS_TO_PASS"))
        files = get_int(row, "files_edited")
        bounds += [
            ("files", lambda: files, patches.min_files, patches.max_files),
            ("fail-to-pass", lambda: f2p, 0, filters.tests.max_fail_to_pass),
            ("pass-to-pass", lambda: p2p, filters.tests.min_pass_to_pass, None),
        ]
        yield from _check_test_strength(row, filters)
        yield from _check_flakiness(row, filters)
        yield from _check_leaks(row, filters)
    for name, measure, minimum, maximum in bounds:
        if not minimum and maximum is None:
            continue
        value = measure()
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
    text = _CODE.sub("", statement)
    if text.isascii():
        return 1.0
    letters = [char for char in text if char.isalpha()]
    return sum(char.isascii() for char in letters) / len(letters) if letters else 1.0
