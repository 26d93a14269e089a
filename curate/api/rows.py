"""Typed rows of a release: the columns of docs/publishing.md as keys; a test compares them."""

from typing import TypedDict


class InstanceRow(TypedDict):
    """A verified instance: a row of `train`, or of another split but `raw`.

    Keys with "JSON" in docs/publishing.md are text to be read by `json.loads`; times are UTC in
    ISO 8601; None = not measured. Rows of an older minor version lack the newest keys.
    """

    instance_id: str
    hints_text: str
    patch: str
    test_patch: str
    created_at: str
    problem_statement: str
    repo: str
    base_commit: str
    version: str
    PASS_TO_PASS: list[str]
    FAIL_TO_PASS: list[str]
    environment_setup_commit: str
    image: str
    eval_script: str
    log_parser: str
    eval_type: str
    image_name: str
    language: str
    install_config: str
    pull_number: int
    issue_numbers: list[str]
    merge_commit: str
    issue_links: str
    statement_edited_after: str
    base_commit_rule: str
    license_spdx: str
    image_digest: str
    python: str
    lock: str
    requirements_from: str
    exclude_newer: str
    lock_adjustments: list[str]
    system_packages: list[str]
    dockerfiles: str
    build_files: str
    test_command: str
    env_vars: str
    limits: str
    protected_paths: list[str]
    fail_to_pass_node_ids: list[str]
    pass_to_pass_node_ids: list[str]
    flaky_tests: list[str]
    pre_fix_outcomes: str
    n_validation_runs: int
    expected_new_flaky_tests: float | None
    eval_verified: bool | None
    test_strength: float | None
    untested_hunks: list[str]
    leak_group: str | None
    solution_leaks: list[str]
    leaked_patch_fraction: float | None
    benchmark_overlaps: list[str]
    files_edited: int
    lines_edited: int
    functions_edited: int | None
    codebase_files: int | None
    codebase_lines: int | None
    lite_violations: list[str]
    lite_violations_documented: list[str]
    validated_at: str
    certified_at: str
    certified_passes: int | None
    curate_version: str
    recipe_hash: str


class CandidateRow(TypedDict):
    """A candidate, verified or not: a row of `raw`."""

    repo: str
    pull_number: int
    instance_id: str
    issue_numbers: list[str]
    base_commit: str
    patch: str
    test_patch: str
    problem_statement: str
    hints_text: str
    created_at: str
    version: str
    head_commit: str
    merge_commit: str
    issue_links: str
    statement_edited_after: str
    base_commit_rule: str
    license_spdx: str
