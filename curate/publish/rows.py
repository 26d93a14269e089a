"""Rows of the published splits, from candidates and validations."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from curate.builders.rfc3339 import format_rfc3339
from curate.core.flakiness import estimate_new_flaky_tests
from curate.core.model import Candidate, Environment, TestStrength, Validation
from curate.environments.stored_tasks import list_protected_paths, run_limits
from curate.patches.stats import PatchStats, compute_patch_stats
from curate.publish.certified import certification_columns
from curate.publish.client_columns import make_client_columns
from curate.publish.escaped_ids import escape_test_ids
from curate.publish.filters.config import Exclusion
from curate.publish.measures import swebench_lite
from curate.publish.measures.benchmark_overlap import BUILT_IN_LISTS, find_overlaps, load_benchmark
from curate.publish.measures.codebase import CodebaseSize
from curate.publish.measures.solution_leaks import find_leaks
from curate.releases import columns
from curate.releases.row import Row, get_str


@dataclass(frozen=True, kw_only=True)
class PublishedImage:
    """Reference of an instance's image, and the environment variables of its tests."""

    reference: str  # as `docker pull` takes it
    digest: str = ""  # of the pushed manifest, "sha256:..."
    env_vars: Mapping[str, str] = field(default_factory=dict)  # exported for the tests


def local_image(environment: Environment) -> PublishedImage:
    """Return the locally built image of *environment*."""
    return PublishedImage(
        reference=environment.handle,
        digest=environment.digest,
        env_vars=environment.env_vars,
    )


@dataclass(frozen=True, kw_only=True)
class CodebaseFacts:
    """Facts about a candidate from its repository and from other candidates."""

    license: str = ""  # SPDX expression; "" = unknown
    size: CodebaseSize | None = None
    patch_stats: PatchStats | None = None  # None = computed from the patch alone
    # Highest known issue or PR number of the repository; None = no SWE-bench Lite columns.
    highest_number: int | None = 0
    commits: tuple[str, ...] = ()  # of the PR, if the mirror has them
    leak_group: str | None = None  # None = candidates were not compared


def make_train_row(
    candidate: Candidate,
    validation: Validation,
    image: PublishedImage | None = None,
    codebase: CodebaseFacts = CodebaseFacts(),
) -> Row | Exclusion:
    """Return the row of a verified candidate, with the columns of `columns.TRAIN_COLUMNS`.

    Without *image* the row references the local image. An instance that cannot be published gives
    an `Exclusion`.
    """
    environment = validation.environment
    exclusion = _find_unpublishable(candidate, validation)
    if environment is None or exclusion is not None:
        return exclusion or _make_exclusion(candidate, "no-environment")
    published_image = image or local_image(environment)
    row = {
        **_swe_gym_columns(candidate, validation),
        **make_client_columns(
            candidate, validation, published_image.env_vars, environment.test_seconds
        ),
        **image_columns(published_image),
        **_provenance_columns(candidate, codebase),
        **_environment_columns(environment),
        **_validation_columns(validation),
        **_measure_columns(candidate, codebase),
    }
    row |= lite_columns(row, codebase.highest_number)
    return _find_unstorable(candidate, row) or _order_columns(row)


def make_raw_row(
    candidate: Candidate, codebase: CodebaseFacts = CodebaseFacts()
) -> Row | Exclusion:
    """Return the row of any candidate, with the columns of `columns.RAW_COLUMNS`."""
    if exclusion := _find_invalid_utf8(candidate):
        return exclusion
    row: Row = {
        **_task_columns(candidate),
        **_provenance_columns(candidate, codebase),
        "head_commit": candidate.head_commit,
    }
    return _find_unstorable(candidate, row) or _order_columns(row, raw=True)


def image_columns(image: PublishedImage) -> Row:
    """Return the columns that depend on where an image is; `make_train_row` includes them."""
    return {
        "image": image.reference,
        "image_name": image.reference,
        "image_digest": image.digest,
    }


def lite_columns(row: Row, highest_number: int | None) -> Row:
    """Return SWE-bench Lite's criteria that *row* violates; `make_train_row` includes them.

    *highest_number* is the highest known issue or PR number of the repository; None = no criteria.
    """
    if highest_number is None:
        return {name: [] for name in swebench_lite.COLUMN_BY_MODE.values()}
    patch, test_patch = (get_str(row, name).encode() for name in ("patch", "test_patch"))
    statement = get_str(row, "problem_statement")
    lite_input = swebench_lite.make_lite_input(
        get_str(row, "repo"), statement, patch, test_patch, highest_number
    )
    return {
        swebench_lite.COLUMN_BY_MODE[mode]: swebench_lite.violated_criteria(criteria, lite_input)
        for mode, criteria in swebench_lite.CRITERIA_BY_MODE.items()
    }


def _find_unpublishable(candidate: Candidate, validation: Validation) -> Exclusion | None:
    if validation.instance_id != candidate.instance_id:
        raise ValueError(f"{validation.instance_id} is not {candidate.instance_id}")
    if validation.verdict.rejection is not None:
        return _make_exclusion(candidate, "not-verified", validation.verdict.rejection.reason)
    if not validation.verdict.fail_to_pass:
        return _make_exclusion(candidate, "no-fail-to-pass")
    if not validation.test_command.strip() or "\n" in validation.test_command:
        return _make_exclusion(candidate, "command-not-one-line")
    return _find_invalid_utf8(candidate)


def _find_invalid_utf8(candidate: Candidate) -> Exclusion | None:
    for name, patch in (("patch", candidate.patch), ("test_patch", candidate.test_patch)):
        try:
            patch.decode("utf-8")
        except UnicodeDecodeError as error:
            return _make_exclusion(candidate, "patch-not-utf8", f"{name}: {error}")
    return None


def _find_unstorable(candidate: Candidate, row: Row) -> Exclusion | None:
    for name, value in row.items():
        text = "".join(value) if isinstance(value, list) else str(value)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            return _make_exclusion(candidate, "text-not-unicode", f"{name}: {error.reason}")
    return None


def _make_exclusion(candidate: Candidate, reason: str, detail: str = "") -> Exclusion:
    return Exclusion(instance_id=candidate.instance_id, reason=reason, detail=detail)


def _task_columns(candidate: Candidate) -> Row:
    return {
        "instance_id": candidate.instance_id,
        "hints_text": candidate.hints_text,
        "patch": candidate.patch.decode("utf-8"),
        "test_patch": candidate.test_patch.decode("utf-8"),
        "created_at": format_rfc3339(candidate.created_at),
        "problem_statement": candidate.problem_statement,
        "repo": candidate.repo,
        "base_commit": candidate.base_commit,
        "version": candidate.version,
    }


def _swe_gym_columns(candidate: Candidate, validation: Validation) -> Row:
    verdict = validation.verdict
    return {
        **_task_columns(candidate),
        "PASS_TO_PASS": escape_test_ids(verdict.pass_to_pass),
        "FAIL_TO_PASS": escape_test_ids(verdict.fail_to_pass),
    }


def _provenance_columns(candidate: Candidate, codebase: CodebaseFacts) -> Row:
    links = [
        {"repo": link.repo, "number": link.number, "sources": list(link.sources)}
        for link in candidate.issue_links
    ]
    edited_after = candidate.statement_edited_after
    return {
        "pull_number": candidate.pull_number,
        "issue_numbers": [str(number) for number in candidate.issue_numbers],
        "merge_commit": candidate.merge_commit or "",
        "issue_links": json.dumps(links),
        "statement_edited_after": format_rfc3339(edited_after) if edited_after else "",
        "base_commit_rule": candidate.base_commit_rule,
        "license_spdx": codebase.license,
    }


def _environment_columns(environment: Environment) -> Row:
    return {
        "python": environment.python,
        "lock": environment.lock,
        "requirements_from": environment.requirements_from,
        "exclude_newer": format_rfc3339(environment.exclude_newer),
        "lock_adjustments": list(environment.lock_adjustments),
        "system_packages": list(environment.system_packages),
        "dockerfiles": json.dumps(dict(environment.dockerfiles)),
        "build_files": json.dumps(dict(environment.build_files)),
        "env_vars": json.dumps(dict(environment.env_vars)),
        "limits": json.dumps(asdict(run_limits(environment))),
        "protected_paths": list(list_protected_paths(environment)),
    }


def _validation_columns(validation: Validation) -> Row:
    verdict = validation.verdict
    pre_fix_outcomes = {
        name: str(verdict.pre_fix_outcomes[name]) for name in sorted(verdict.pre_fix_outcomes)
    }
    return {
        "test_command": validation.test_command,
        "fail_to_pass_node_ids": list(verdict.fail_to_pass),
        "pass_to_pass_node_ids": list(verdict.pass_to_pass),
        "flaky_tests": list(verdict.flaky_tests),
        "pre_fix_outcomes": json.dumps(pre_fix_outcomes),
        "n_validation_runs": len(validation.runs),
        "expected_new_flaky_tests": estimate_new_flaky_tests(validation.runs),
        "eval_verified": None,  # see `curate.publish.eval_check`
        **_strength_columns(validation.test_strength),
        "validated_at": format_rfc3339(validation.finished_at),
        **certification_columns(None),  # see `curate.publish.certified`
        "curate_version": validation.curate_version,
        "recipe_hash": validation.recipe_hash,
    }


def _strength_columns(strength: TestStrength | None) -> Row:
    if strength is None or not strength.hunks:
        return {"test_strength": None, "untested_hunks": []}
    untested_fraction = len(strength.untested) / len(strength.hunks)
    return {"test_strength": 1 - untested_fraction, "untested_hunks": list(strength.untested)}


def _measure_columns(candidate: Candidate, codebase: CodebaseFacts) -> Row:
    stats = codebase.patch_stats or compute_patch_stats(candidate.patch)
    leaks = find_leaks(candidate, codebase.commits)
    return {
        "leak_group": codebase.leak_group,
        "solution_leaks": list(leaks.kinds),
        "leaked_patch_fraction": leaks.leaked_fraction,
        "benchmark_overlaps": list(
            find_overlaps(
                candidate.instance_id, candidate.patch, map(load_benchmark, BUILT_IN_LISTS)
            )
        ),
        "files_edited": stats.files,
        "lines_edited": stats.lines,
        "functions_edited": stats.functions,
        "codebase_files": codebase.size.files if codebase.size else None,
        "codebase_lines": codebase.size.lines if codebase.size else None,
    }


def _order_columns(row: Row, *, raw: bool = False) -> Row:
    ordered = columns.RAW_COLUMNS if raw else columns.TRAIN_COLUMNS
    return {column.name: row[column.name] for column in ordered}
