"""The columns of the published splits: order, type, source and meaning.

First the 11 columns of SWE-Gym in its order, then those that SWE-bench 5 needs for evaluation, then
curate's own. The reference in docs/reference/columns.md is made from them.
"""

from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = "2.3"  # minor: new columns; major: changed or removed ones


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; `kind` is "string", "int64", "float64", "bool" or "list[string]".

    A kind that ends in "?" is nullable; null means not measured.
    """

    name: str
    kind: str
    source: str  # origin of the column: "SWE-Gym", "SWE-bench", "curate"
    meaning: str


def _make_columns(source: str, *columns: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(
        Column(name=name, kind=kind, source=source, meaning=meaning)
        for name, kind, meaning in columns
    )


_LICENSE = "SPDX license at base_commit, from the repository's own files; empty if unclear"
_LINKS = "JSON: every linked issue and the places that name it"
_RULE = "rule that chose base_commit and the patches"
_HINTS = "comments on the issues made before the first commit, as they were then"
_STATEMENT = "title and text of the linked issues, as at created_at"
_EDITED_AFTER = (
    "last edit of a linked issue, if its text at created_at is lost and problem_statement is later;"
    " UTC, ISO 8601; else empty"
)

TRAIN_COLUMNS = (
    *_make_columns(
        "SWE-Gym",
        ("instance_id", "string", "`owner__repo-N`, N the number of the pull request"),
        ("hints_text", "string", _HINTS),
        ("patch", "string", "gold patch: every file that is not a test"),
        ("test_patch", "string", "the pull request's changes to tests"),
        ("created_at", "string", "creation of the pull request, UTC, ISO 8601"),
        ("problem_statement", "string", _STATEMENT),
        ("repo", "string", "`owner/name`"),
        ("base_commit", "string", "commit both patches apply to"),
        ("version", "string", "version of the project at the base commit"),
        ("PASS_TO_PASS", "list[string]", "ids of tests that pass before and after the gold patch"),
        ("FAIL_TO_PASS", "list[string]", "ids of tests that pass only after the gold patch"),
    ),
    *_make_columns(
        "SWE-bench",
        ("environment_setup_commit", "string", "same as base_commit"),
        ("image", "string", "container image with the checkout at /testbed"),
        ("eval_script", "string", "bash: applies the test patch, runs the tests, prints statuses"),
        ("log_parser", "string", "name of SWE-bench's parser for the output of eval_script"),
        ("eval_type", "string", "how SWE-bench grades"),
    ),
    *_make_columns(
        "curate",
        ("image_name", "string", "same as image, for clients that read this name"),
        ("language", "string", "`python`"),
        ("install_config", "string", "JSON: install, test_cmd and log_parser, as SWE-rebench has"),
        ("pull_number", "int64", "number of the pull request"),
        ("issue_numbers", "list[string]", "numbers of the linked issues, ascending"),
        ("merge_commit", "string", "commit that merged the pull request; empty if unknown"),
        ("issue_links", "string", _LINKS),
        ("statement_edited_after", "string", _EDITED_AFTER),
        ("base_commit_rule", "string", _RULE),
        ("license_spdx", "string", _LICENSE),
        ("image_digest", "string", "sha256 of the pushed manifest, else of the local image"),
        ("python", "string", "Python version of the environment"),
        ("lock", "string", "every distribution of the environment, pinned"),
        ("requirements_from", "string", "commit whose requirements are locked: base or gold"),
        ("exclude_newer", "string", "the lock holds nothing uploaded later; UTC, ISO 8601"),
        (
            "lock_adjustments",
            "list[string]",
            "how the lock departs from the declared requirements, a sentence each",
        ),
        ("system_packages", "list[string]", "Debian packages that the image adds"),
        ("dockerfiles", "string", "JSON: the Dockerfile of each layer, from the base up"),
        ("build_files", "string", "JSON: what the steps of the Dockerfiles read, by file name"),
        ("test_command", "string", "command that validation ran"),
        ("env_vars", "string", "JSON: variables that are set for the tests"),
        ("limits", "string", "JSON: limits of a run, in seconds and bytes"),
        (
            "protected_paths",
            "list[string]",
            "globs of files that grading puts back; `!` excepts some, the last match counts",
        ),
        ("fail_to_pass_node_ids", "list[string]", "FAIL_TO_PASS as pytest node ids, same order"),
        ("pass_to_pass_node_ids", "list[string]", "PASS_TO_PASS as pytest node ids, same order"),
        ("flaky_tests", "list[string]", "tests left out: their outcome differed between runs"),
        (
            "pre_fix_outcomes",
            "string",
            "JSON: outcome of each FAIL_TO_PASS test before the gold patch",
        ),
        ("n_validation_runs", "int64", "test runs of the validation, before and after together"),
        (
            "expected_new_flaky_tests",
            "float64?",
            "flaky tests that one more run would newly show, on average",
        ),
        (
            "eval_verified",
            "bool?",
            "eval_script, run in the image as clients do, grades gold and no patch as validation",
        ),
        ("test_strength", "float64?", "share of the gold patch's hunks that tests need"),
        ("untested_hunks", "list[string]", "the other hunks: `path`, or `path @@ -old,lines`"),
        ("leak_group", "string?", "same for instances that may tell each other's solution"),
        ("solution_leaks", "list[string]", "what the texts give away, as `kind in column`"),
        ("leaked_patch_fraction", "float64?", "share of the gold patch in problem_statement"),
        (
            "benchmark_overlaps",
            "list[string]",
            "benchmarks that hold it, as `list: pull` or `list: patch`",
        ),
        ("files_edited", "int64", "source files the gold patch edits: no docs, no configuration"),
        ("lines_edited", "int64", "lines of them it adds and removes"),
        ("functions_edited", "int64?", "Python functions of them that change or are new"),
        ("codebase_files", "int64?", "files at the base commit that are not tests"),
        ("codebase_lines", "int64?", "lines of them; binary files have none"),
        ("lite_violations", "list[string]", "SWE-bench Lite's criteria, as coded, it violates"),
        (
            "lite_violations_documented",
            "list[string]",
            "SWE-bench Lite's criteria, as documented, it violates",
        ),
        ("validated_at", "string", "end of validation, UTC, ISO 8601"),
        (
            "certified_at",
            "string",
            "when image and tests were last looked at again, UTC, ISO 8601; empty if never",
        ),
        ("certified_passes", "int64?", "runs of the gold patch that passed then, of 3"),
        ("curate_version", "string", "version that validated"),
        ("recipe_hash", "string", "hash of the recipe of the environment"),
    ),
)

RAW_COLUMNS = (
    *_make_columns(
        "SWE-bench",
        ("repo", "string", "`owner/name`"),
        ("pull_number", "int64", "number of the pull request"),
        ("instance_id", "string", "`owner__repo-N`"),
        ("issue_numbers", "list[string]", "numbers of the linked issues, ascending"),
        ("base_commit", "string", "commit both patches apply to"),
        ("patch", "string", "gold patch: every file that is not a test"),
        ("test_patch", "string", "the pull request's changes to tests"),
        ("problem_statement", "string", _STATEMENT),
        ("hints_text", "string", _HINTS),
        ("created_at", "string", "creation of the pull request, UTC, ISO 8601"),
        ("version", "string", "version of the project at the base commit"),
    ),
    *_make_columns(
        "curate",
        ("head_commit", "string", "last commit of the pull request"),
        ("merge_commit", "string", "commit that merged it; empty if unknown"),
        ("issue_links", "string", _LINKS),
        ("statement_edited_after", "string", _EDITED_AFTER),
        ("base_commit_rule", "string", _RULE),
        ("license_spdx", "string", _LICENSE),
    ),
)


def make_features(columns: tuple[Column, ...]) -> Any:
    """Return *columns* as `datasets.Features`; imports a large library."""
    import datasets  # type: ignore[import-untyped]

    kinds = {
        "string": datasets.Value("string"),
        "int64": datasets.Value("int64"),
        "float64": datasets.Value("float64"),
        "bool": datasets.Value("bool"),
        "list[string]": datasets.List(datasets.Value("string")),
    }
    return datasets.Features({column.name: kinds[column.kind.rstrip("?")] for column in columns})
