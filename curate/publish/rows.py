"""Rows of the published splits: pure, from what the store holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from builders.pytest_plugin.test_ids import canonical_id
from builders.rfc3339 import format_rfc3339
from curate.core.flakiness import yet_to_waver
from curate.core.model import Candidate, Environment, Strength, Validation
from curate.harness.eval_script import eval_script
from curate.patches.stats import Edits, edits
from curate.publish.filters.config import Problem
from curate.publish.measures import swebench_lite
from curate.publish.measures.benchmark_overlap import OWN, benchmark, overlaps
from curate.publish.measures.codebase import Size
from curate.publish.measures.solution_leaks import leaks
from curate.releases import columns
from curate.releases.row import Row


@dataclass(frozen=True, kw_only=True)
class Image:
    """Where an instance's image can be had, and what its tests expect of the environment."""

    reference: str  # as `docker pull` takes it
    digest: str = ""  # of the pushed manifest, "sha256:..."
    environment: Mapping[str, str] = field(default_factory=dict)  # exported for the tests


def built_image(environment: Environment) -> Image:
    """The image as it lies on this machine."""
    return Image(
        reference=environment.handle,
        digest=environment.digest,
        environment=environment.variables,
    )


@dataclass(frozen=True, kw_only=True)
class Base:
    """What the repository and other candidates tell of a candidate; by default nothing."""

    licence: str = ""  # SPDX, "" = could not be told
    size: Size | None = None
    edits: Edits | None = None  # None = told from the patch alone
    newest: int = 0  # highest number of an issue or pull that is known in the repository
    commits: tuple[str, ...] = ()  # of the pull, as far as the repository knows them
    leak_group: str | None = None  # None = candidates were not compared


def train_row(
    candidate: Candidate,
    validation: Validation,
    image: Image | None = None,
    base: Base = Base(),
) -> Row | Problem:
    """The row of a verified candidate, its columns in the order of `columns.TRAIN`.

    Without *image* the row names what was built here.
    """
    environment = validation.environment
    problem = _unpublishable(candidate, validation)
    if environment is None or problem is not None:
        return problem or _problem(candidate, "no-environment")
    place = image or built_image(environment)
    row = {
        **_swe_gym(candidate, validation),
        **_swe_bench(candidate, validation, place),
        **_provenance(candidate, base),
        **_environment(environment, place),
        **_validation(validation),
        **_measures(candidate, base),
    }
    return _unstorable(candidate, row) or _ordered(row)


def raw_row(candidate: Candidate, base: Base = Base()) -> Row | Problem:
    """The row of any candidate, its columns in the order of `columns.RAW`."""
    if problem := _not_utf8(candidate):
        return problem
    row: Row = {
        **_task(candidate),
        **_provenance(candidate, base),
        "head_commit": candidate.head_commit,
    }
    return _unstorable(candidate, row) or _ordered(row, raw=True)


def _unpublishable(candidate: Candidate, validation: Validation) -> Problem | None:
    if validation.instance_id != candidate.instance_id:
        raise ValueError(f"{validation.instance_id} is not {candidate.instance_id}")
    if validation.verdict.rejection is not None:
        return _problem(candidate, "not-verified", validation.verdict.rejection.reason)
    if not validation.verdict.fail_to_pass:
        return _problem(candidate, "no-fail-to-pass")
    if not validation.test_command.strip() or "\n" in validation.test_command:
        return _problem(candidate, "command-not-one-line")
    return _not_utf8(candidate)


def _not_utf8(candidate: Candidate) -> Problem | None:
    for name, patch in (("patch", candidate.patch), ("test_patch", candidate.test_patch)):
        try:
            patch.decode("utf-8")
        except UnicodeDecodeError as error:
            return _problem(candidate, "patch-not-utf8", f"{name}: {error}")
    return None


def _unstorable(candidate: Candidate, row: Row) -> Problem | None:
    for name, value in row.items():
        for text in value if isinstance(value, list) else [value]:
            try:
                str(text).encode("utf-8")
            except UnicodeEncodeError as error:
                return _problem(candidate, "text-not-unicode", f"{name}: {error.reason}")
    return None


def _problem(candidate: Candidate, reason: str, detail: str = "") -> Problem:
    return Problem(instance_id=candidate.instance_id, reason=reason, detail=detail)


def _task(candidate: Candidate) -> Row:
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


def _swe_gym(candidate: Candidate, validation: Validation) -> Row:
    verdict = validation.verdict
    return {
        **_task(candidate),
        "PASS_TO_PASS": [canonical_id(name) for name in verdict.pass_to_pass],
        "FAIL_TO_PASS": [canonical_id(name) for name in verdict.fail_to_pass],
    }


def _swe_bench(candidate: Candidate, validation: Validation, image: Image) -> Row:
    script = eval_script(
        test_patch=candidate.test_patch,
        test_command=validation.test_command,
        gold=candidate.patch,
        environment=image.environment,
    )
    return {
        "environment_setup_commit": candidate.base_commit,
        "image": image.reference,
        "eval_script": script,
        "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
    }


def _provenance(candidate: Candidate, base: Base) -> Row:
    links = [
        {"repo": link.repo, "number": link.number, "sources": list(link.sources)}
        for link in candidate.links
    ]
    return {
        "pull_number": candidate.pull_number,
        "issue_numbers": [str(number) for number in candidate.issue_numbers],
        "merge_commit": candidate.merge_commit or "",
        "links": json.dumps(links),
        "base_rule": candidate.base_rule,
        "license_spdx": base.licence,
    }


def _environment(environment: Environment, image: Image) -> Row:
    return {
        "image_digest": image.digest,
        "python": environment.python,
        "lock": environment.lock,
        "declared_by": environment.declared_by,
        "lock_cutoff": format_rfc3339(environment.cutoff),
        "repairs": list(environment.repairs),
        "system_packages": list(environment.system_packages),
        "dockerfiles": json.dumps(dict(environment.dockerfiles)),
    }


def _validation(validation: Validation) -> Row:
    verdict = validation.verdict
    before = {name: str(verdict.before[name]) for name in sorted(verdict.before)}
    return {
        "test_command": validation.test_command,
        "fail_to_pass_exact": list(verdict.fail_to_pass),
        "pass_to_pass_exact": list(verdict.pass_to_pass),
        "quarantined_tests": list(verdict.quarantined),
        "before_state": json.dumps(before),
        "n_runs": len(validation.runs),
        "yet_to_waver": yet_to_waver(validation.runs),
        **_strength(validation.strength),
        "validated_at": format_rfc3339(validation.finished_at),
        "curate_version": validation.curate_version,
        "recipe_hash": validation.recipe_hash,
    }


def _strength(strength: Strength | None) -> Row:
    if strength is None or not strength.pieces:
        return {"test_strength": None, "unnoticed_pieces": []}
    unnoticed = len(strength.unnoticed) / len(strength.pieces)
    return {"test_strength": 1 - unnoticed, "unnoticed_pieces": list(strength.unnoticed)}


def _measures(candidate: Candidate, base: Base) -> Row:
    edited = base.edits or edits(candidate.patch)
    text, tests = candidate.problem_statement, candidate.test_patch
    given = leaks(candidate, base.commits)
    subject = swebench_lite.subject(candidate.repo, text, candidate.patch, tests, base.newest)
    return {
        "leak_group": base.leak_group,
        "leaks": list(given.found),
        "leaked_share": given.share,
        "overlaps": list(overlaps(candidate.instance_id, candidate.patch, map(benchmark, OWN))),
        "files_edited": edited.files,
        "lines_edited": edited.lines,
        "functions_edited": edited.functions,
        "base_files": base.size.files if base.size else None,
        "base_lines": base.size.lines if base.size else None,
        **{
            f"lite_{mode}": swebench_lite.broken(rules, subject)
            for mode, rules in swebench_lite.MODES.items()
        },
    }


def _ordered(row: Row, *, raw: bool = False) -> Row:
    ordered = columns.RAW if raw else columns.TRAIN
    return {column.name: row[column.name] for column in ordered}
