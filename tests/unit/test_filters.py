"""What the release filters exclude, by which filter, and what they include."""

import random
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import ConfigurationError
from curate.publish.filters.apply import apply_filters, ascii_letter_ratio
from curate.publish.filters.config import PRESETS, ReleaseFilters, read_filters
from curate.publish.filters.near_duplicates import (
    JaccardIndex,
    find_common_triples,
    hash_word_triples,
)
from curate.publish.filters.secrets import find_secrets
from curate.publish.filters.where import filter_rows_sql
from curate.publish.measures.benchmark_overlap import (
    BUILT_IN_LISTS,
    BenchmarkTasks,
    compute_patch_hash,
    find_overlaps,
    load_benchmark,
    to_toml,
)
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.row import Row
from curate.releases.table import RowTable, make_table

PATCH = "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    plain = {
        "instance_id": f"owner__name-{number}",
        "repo": "owner/name",
        "created_at": f"2020-01-0{number}",
        "problem_statement": f"Number {number} does not do what the manual says of it.",
        "hints_text": "",
        "patch": PATCH.replace("2", str(number * 7919)),
        "test_patch": PATCH,
        "license_spdx": "MIT",
        "files_edited": 1,
        "test_strength": None,
        "expected_new_flaky_tests": None,
        "leak_group": None,
        "solution_leaks": [],
        "leaked_patch_fraction": None,
        "FAIL_TO_PASS": ["t"],
        "PASS_TO_PASS": [],
    }
    return plain | changes


def reasons(
    *rows: dict[str, Any], known: Sequence[BenchmarkTasks] = (), **rules: Any
) -> dict[str, str]:
    kept, held = apply_filters(rows, ReleaseFilters.model_validate(rules), known)
    assert len(kept) + len(held) == len(rows)
    return {name.rpartition("-")[2]: them[0].reason for name, them in held.items()}


def test_by_default_nothing_of_ours_is_held_back() -> None:
    assert reasons(row(1), row(2)) == {}


@pytest.mark.parametrize(
    ("changes", "rules", "reason"),
    [
        ({"license_spdx": "GPL-3.0-only"}, {"license": {"allowed": ["MIT"]}}, "license"),
        ({"license_spdx": "MIT AND X"}, {"license": {"allowed": ["MIT"]}}, "license"),
        ({"license_spdx": "MIT OR ISC"}, {"license": {"allowed": ["MIT", "ISC"]}}, None),
        ({"license_spdx": ""}, {"license": {"allowed": ["MIT"]}}, None),
        ({"license_spdx": ""}, {"license": {"unknown": "exclude"}}, "license-unknown"),
        ({"problem_statement": "x"}, {"text": {"min_characters": 2}}, "characters-out-of-bounds"),
        ({"problem_statement": "x y"}, {"text": {"max_words": 1}}, "words-out-of-bounds"),
        ({"problem_statement": "http://a"}, {"text": {"max_links": 0}}, "links-out-of-bounds"),
        ({"problem_statement": "Ошибка"}, {"text": {"min_english": 0.9}}, "english-out-of-bounds"),
        ({"files_edited": 6}, {"patch": {"max_files": 5}}, "files-out-of-bounds"),
        ({}, {"tests": {"max_fail_to_pass": 0}}, "fail-to-pass-out-of-bounds"),
        ({}, {"tests": {"min_pass_to_pass": 1}}, "pass-to-pass-out-of-bounds"),
        ({"test_strength": 0.2}, {"tests": {"min_test_strength": 0.5}}, "weak-tests"),
        ({}, {"tests": {"min_test_strength": 0.5}}, None),
        ({}, {"tests": {"min_test_strength": 0.5, "unmeasured": "exclude"}}, "strength-unmeasured"),
        (
            {"expected_new_flaky_tests": 2 / 3},
            {"tests": {"max_expected_flaky": 0.5}},
            "flaky-tests",
        ),
        ({"expected_new_flaky_tests": 1 / 3}, {"tests": {"max_expected_flaky": 0.5}}, None),
        ({}, {"tests": {"max_expected_flaky": 0.5}}, None),
        ({}, {"tests": {"max_expected_flaky": 1, "unmeasured": "exclude"}}, "flakiness-unmeasured"),
    ],
)
def test_rules_one_by_one(
    changes: dict[str, Any], rules: dict[str, Any], reason: str | None
) -> None:
    assert reasons(row(1, **changes), **rules) == ({"1": reason} if reason else {})


def test_rows_that_clients_grade_otherwise_are_excluded_unless_asked_for() -> None:
    rows = [row(n, eval_verified=verified) for n, verified in ((1, True), (2, False), (3, None))]
    assert reasons(*rows) == {"2": "failed-evaluation"}
    assert reasons(*rows, tests={"failed_evaluation": "include"}) == {}


def test_benchmarks_by_repository_pull_and_patch() -> None:
    assert reasons(row(1, repo="Django/Django"), known=[load_benchmark("swe-bench")]) == {
        "1": "benchmark-repository"
    }
    ids = [BenchmarkTasks(name="b", ids=frozenset({"owner__name-2"}))]
    assert reasons(row(1), row(2), known=ids) == {"2": "benchmark-pull"}
    same = compute_patch_hash(
        row(1)["patch"].replace("m.py", "fork/m.py").replace("a =", "a  =").encode()
    )
    held = [BenchmarkTasks(name="b", patches=frozenset({same[:16]}))]
    assert reasons(row(1), row(2), known=held) == {"1": "benchmark-patch"}
    off = {"contamination": {"repositories": False, "pulls": False, "patches": False}}
    assert reasons(row(1), row(2), known=held, **off) == {}


def test_every_reason_against_a_row_is_told() -> None:
    bad = row(1, license_spdx="X", problem_statement="x", leaked_patch_fraction=0.6)
    rules = {"license": {"allowed": ["MIT"]}, "text": {"min_words": 2}, "leaks": {"max_share": 0.5}}
    _, held = apply_filters([bad], ReleaseFilters.model_validate(rules), [])
    told = [problem.reason for problem in held["owner__name-1"]]
    assert told == ["license", "leak", "words-out-of-bounds"]


@pytest.mark.parametrize("name", BUILT_IN_LISTS)
def test_own_lists_can_be_read(name: str) -> None:
    one = load_benchmark(name)
    assert one.repositories or one.ids
    assert all(re.fullmatch(r"[a-z0-9._-]+__[a-z0-9._-]+-\d+", instance) for instance in one.ids)
    assert all(re.fullmatch(r"[0-9a-f]{16}", digest) for digest in one.patches)


def test_lite_and_verified_are_whole() -> None:
    lite, verified = load_benchmark("swe-bench-lite"), load_benchmark("swe-bench-verified")
    assert (len(lite.ids), len(lite.patches)) == (300, 300)
    assert (len(verified.ids), len(verified.patches)) == (500, 500)
    assert len(lite.ids & verified.ids) == len(lite.patches & verified.patches) == 93


def test_a_list_made_of_rows_finds_them_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml([row(1), row(2)], 'from "here"'))
    mine = [load_benchmark(str(path))]
    assert list(find_overlaps("Owner__Name-1", row(1)["patch"].encode(), mine)) == [
        f"{path}: pull",
        f"{path}: patch",
    ]
    assert list(find_overlaps("fork__name-9", row(2)["patch"].encode(), mine)) == [f"{path}: patch"]
    assert list(find_overlaps("owner__name-3", row(3)["patch"].encode(), mine)) == []


def test_most_similar_texts_are_those_that_comparing_all_finds() -> None:
    drawn = random.Random(1)
    shared = [f"w{n}" for n in range(60)]
    texts: list[list[str]] = []
    for _ in range(60):
        words = list(drawn.choice(texts)) if texts and drawn.random() < 0.5 else shared[:]
        for _ in range(drawn.randint(0, 12)):
            words[drawn.randrange(60)] = f"x{drawn.randrange(1000)}"
        texts.append(words)
    hashed = [hash_word_triples(" ".join(words)) for words in texts]
    for threshold in (0.05, 0.5, 0.9, 1.0):
        index = JaccardIndex(threshold, find_common_triples(hashed))
        kept: dict[str, set[int]] = {}
        for number, triples in enumerate(hashed):
            own = set(triples)
            scores = {name: len(own & one) / len(own | one) for name, one in kept.items()}
            best = max(scores.items(), key=lambda it: it[1], default=("", 0.0))
            expected = best if best[1] >= threshold else ("", 0.0)
            assert index.find_and_add(str(number), triples) == expected
            if not expected[0]:
                kept[str(number)] = own


def test_the_oldest_of_near_duplicates_stays() -> None:
    text, patch = " ".join(f"word{number}" for number in range(60)), PATCH
    late = row(3, problem_statement=text + " really", patch=patch)
    early = row(1, problem_statement=text, patch=patch)
    assert reasons(late, early, row(2)) == {"3": "near-duplicate"}
    assert reasons(late, early, near_duplicate_threshold=0) == {}


def test_one_of_a_leak_group_stays_when_asked() -> None:
    pair = (row(1, leak_group="g"), row(2, leak_group="g"), row(3, leak_group=None))
    assert reasons(*pair, one_per_leak_group=True) == {"2": "leak-group"}
    assert reasons(*pair) == {}


TOKEN = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"


@pytest.mark.parametrize("column", ["problem_statement", "hints_text", "patch", "test_patch"])
def test_a_credential_anywhere_holds_a_row_back_and_is_never_shown(column: str) -> None:
    kept, held = apply_filters([row(1, **{column: f"text\n{TOKEN}\n"})], ReleaseFilters(), [])
    (problem,) = held["owner__name-1"]
    assert (kept, problem.reason) == ([], "secret")
    assert problem.detail == f"{column}: GitHub token in line 2"
    assert reasons(row(1, **{column: TOKEN}), secrets=False) == {}


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "gh" + "p_" + "x" * 36,
        "sha256:" + "0f" * 32,
    ],
)
def test_examples_of_manuals_are_no_credentials(text: str) -> None:
    assert find_secrets(text) == []


def test_credentials_by_kind() -> None:
    key = "-----BEGIN RSA PRIVATE " + "KEY-----\n+MIIEpAIBAAKCAQEA" + "q2w3e4r5" * 5
    assert find_secrets("a\n" + key) == ["private key in line 2"]
    assert find_secrets("AKI" + "AQ7RTPLM3WVNXB5KD") == ["AWS access key in line 1"]


def test_english_looks_at_letters_outside_code() -> None:
    assert ascii_letter_ratio("```\nпривет\n```\nhello") == 1
    assert ascii_letter_ratio("12 !?") == 1
    assert ascii_letter_ratio("ab мы") == 0.5


def test_presets_are_read_and_unknown_keys_refused(tmp_path: Path) -> None:
    assert all(read_filters(name).about for name in PRESETS)
    assert read_filters("lingma").unverified
    (tmp_path / "mine.toml").write_text("[text]\nmin_word = 3\n")
    with pytest.raises(ConfigurationError, match="min_word"):
        read_filters(str(tmp_path / "mine.toml"))
    with pytest.raises(ConfigurationError, match="not found"):
        read_filters("swegym")


def table(*rows: dict[str, Any]) -> RowTable:
    unset = dict.fromkeys(column.name for column in TRAIN_COLUMNS)
    return make_table(TRAIN_COLUMNS, [unset | each for each in rows])


def test_only_columns_that_a_condition_names_are_read() -> None:
    read: list[set[str]] = []

    def reader(ids: Sequence[str], names: Collection[str]) -> Iterator[Row]:
        read.append(set(names))
        return ({"instance_id": name, "repo": "o/r"} for name in ids)

    rows = RowTable(columns=TRAIN_COLUMNS, ids=["o__r-1", "o__r-2"], read=reader)
    assert filter_rows_sql(rows, "instance_id = 'o__r-2' AND repo = 'o/r'").ids == ["o__r-2"]
    assert filter_rows_sql(rows, "1").ids == rows.ids
    assert read == [{"instance_id", "repo"}]


def test_subsets_by_condition() -> None:
    rows = table(row(1), row(2, FAIL_TO_PASS=["a", "b'c"]), row(3, repo="other/name"))

    def ids(where: str) -> list[str]:
        return [str(one["instance_id"])[-1] for one in filter_rows_sql(rows, where)]

    assert ids("len(FAIL_TO_PASS) > 1") == ["2"]
    assert ids("repo LIKE 'owner/%' AND words(problem_statement) > 3") == ["1", "2"]
    assert ids("has(FAIL_TO_PASS, 'b''c') -- comment") == ["2"]
    assert ids("test_strength IS NULL") == ["1", "2", "3"]


@pytest.mark.parametrize(
    "where",
    [
        "nonsense",
        "1); DROP TABLE rows; --",
        "1) UNION SELECT writefile('x', 'y'",
        "load_extension('x')",
        "EXISTS (SELECT * FROM pragma_database_list)",
        "words(1)",
    ],
)
def test_conditions_that_cannot_be_used(where: str) -> None:
    with pytest.raises(ConfigurationError, match="Invalid WHERE expression"):
        filter_rows_sql(table(row(1)), where)
    with pytest.raises(ConfigurationError, match="Invalid WHERE expression") as caught:
        filter_rows_sql(table(), where)  # also where there is nothing to select from
    assert "instance_id, hints_text, patch" in caught.value.hint
