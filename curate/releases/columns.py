"""The columns of the published splits: order, type, source and meaning of each.

First SWE-Gym's eleven in SWE-Gym's order, then those that SWE-bench 5 evaluates by, then ours.
docs/publishing.md has the same tables; a test compares them.
"""

from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = (
    "1.2"  # of this table; the second number grows with new columns, the first with others
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; `kind` is "string", "int64", "float64" or "strings" (a list of strings).

    A kind that ends in "?" may be null: not measured.
    """

    name: str
    kind: str
    source: str  # who defined it: "SWE-Gym", "SWE-bench", "curate"
    meaning: str


def _make_columns(source: str, *facts: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(
        Column(name=name, kind=kind, source=source, meaning=meaning)
        for name, kind, meaning in facts
    )


_LICENCE = "licence at base_commit, SPDX, from the repository's own files; empty if unclear"

TRAIN_COLUMNS = (
    *_make_columns(
        "SWE-Gym",
        ("instance_id", "string", "`owner__repo-N`, N the number of the pull request"),
        ("hints_text", "string", "comments on the issues made before the first commit"),
        ("patch", "string", "gold patch: every file that is no test"),
        ("test_patch", "string", "the pull request's changes to tests"),
        ("created_at", "string", "creation of the pull request, UTC, ISO 8601"),
        ("problem_statement", "string", "title and text of the linked issues"),
        ("repo", "string", "`owner/name`"),
        ("base_commit", "string", "commit both patches apply to"),
        ("version", "string", "version of the project at the base commit"),
        ("PASS_TO_PASS", "strings", "canonical ids of tests that pass before and after"),
        ("FAIL_TO_PASS", "strings", "canonical ids of tests that pass only after the gold patch"),
    ),
    *_make_columns(
        "SWE-bench",
        ("environment_setup_commit", "string", "same as base_commit"),
        ("image", "string", "container image with the checkout at /testbed"),
        ("eval_script", "string", "bash: applies the test patch, runs the tests, prints statuses"),
        ("log_parser", "string", "name of SWE-bench's parser for what eval_script prints"),
        ("eval_type", "string", "how SWE-bench grades"),
    ),
    *_make_columns(
        "curate",
        ("pull_number", "int64", "number of the pull request"),
        ("issue_numbers", "strings", "numbers of the linked issues, ascending"),
        ("merge_commit", "string", "commit that merged the pull request; empty if unknown"),
        ("links", "string", "JSON: every linked issue and the places that name it"),
        ("base_rule", "string", "rule that gave base_commit and the patches"),
        ("license_spdx", "string", _LICENCE),
        ("image_digest", "string", "sha256 of the pushed manifest, else of the local image"),
        ("python", "string", "Python version of the environment"),
        ("lock", "string", "every distribution of the environment, pinned"),
        ("declared_by", "string", "whose requirements were locked: base, or gold for the patch's"),
        ("lock_cutoff", "string", "nothing uploaded later is in the lock; UTC, ISO 8601"),
        ("repairs", "strings", "departures from the declared requirements, a sentence each"),
        ("system_packages", "strings", "packages of the distribution that the image adds"),
        ("dockerfiles", "string", "JSON: the Dockerfile of each layer, from the base up"),
        ("test_command", "string", "command that validation ran"),
        ("fail_to_pass_exact", "strings", "FAIL_TO_PASS as pytest names them, same order"),
        ("pass_to_pass_exact", "strings", "PASS_TO_PASS as pytest names them, same order"),
        ("quarantined_tests", "strings", "tests left out: they did not do the same in every run"),
        ("before_state", "string", "JSON: outcome before the gold patch of each FAIL_TO_PASS test"),
        ("n_runs", "int64", "executions of the tests in validation, both sides together"),
        (
            "yet_to_waver",
            "float64?",
            "unsteady tests that another run would newly show, on average",
        ),
        ("test_strength", "float64?", "share of the gold patch's pieces that tests miss if absent"),
        ("unnoticed_pieces", "strings", "the other pieces: `path`, or `path @@ -old,lines`"),
        ("leak_group", "string?", "instances that may tell each other's answer share it"),
        ("leaks", "strings", "what the texts give away, as `kind in column`"),
        ("leaked_share", "float64?", "share of the gold patch's lines in problem_statement"),
        ("overlaps", "strings", "`list: pull` or `list: patch` of benchmarks that hold it, too"),
        ("files_edited", "int64", "source files the gold patch edits: no documents, no settings"),
        ("lines_edited", "int64", "lines of them it adds and removes"),
        ("functions_edited", "int64?", "Python functions of them that change or are new"),
        ("base_files", "int64?", "files at the base commit that are no tests"),
        ("base_lines", "int64?", "lines of them; binary files have none"),
        ("lite_strict", "strings", "rules of SWE-bench Lite, as coded, that the row breaks"),
        ("lite_intended", "strings", "rules of SWE-bench Lite, as documented, that it breaks"),
        ("validated_at", "string", "end of validation, UTC, ISO 8601"),
        ("curate_version", "string", "version that validated"),
        ("recipe_hash", "string", "hash of the recipe the environment came from"),
    ),
)

RAW_COLUMNS = (
    *_make_columns(
        "SWE-bench",
        ("repo", "string", "`owner/name`"),
        ("pull_number", "int64", "number of the pull request"),
        ("instance_id", "string", "`owner__repo-N`"),
        ("issue_numbers", "strings", "numbers of the linked issues, ascending"),
        ("base_commit", "string", "commit both patches apply to"),
        ("patch", "string", "gold patch: every file that is no test"),
        ("test_patch", "string", "the pull request's changes to tests"),
        ("problem_statement", "string", "title and text of the linked issues"),
        ("hints_text", "string", "comments on the issues made before the first commit"),
        ("created_at", "string", "creation of the pull request, UTC, ISO 8601"),
        ("version", "string", "version of the project at the base commit"),
    ),
    *_make_columns(
        "curate",
        ("head_commit", "string", "last commit of the pull request"),
        ("merge_commit", "string", "commit that merged it; empty if unknown"),
        ("links", "string", "JSON: every linked issue and the places that name it"),
        ("base_rule", "string", "rule that gave base_commit and the patches"),
        ("license_spdx", "string", _LICENCE),
    ),
)


def make_features(columns: tuple[Column, ...]) -> Any:
    """`datasets.Features` of *columns*; a heavy import."""
    import datasets  # type: ignore[import-untyped]

    kinds = {
        "string": datasets.Value("string"),
        "int64": datasets.Value("int64"),
        "float64": datasets.Value("float64"),
        "strings": datasets.List(datasets.Value("string")),
    }
    return datasets.Features({column.name: kinds[column.kind.rstrip("?")] for column in columns})
