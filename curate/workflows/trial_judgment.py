"""Whether a candidate was rightly rejected, as far as a machine can tell, or a person has judged.

A rejection counts as right if its reason or its log is evidence about the pull request itself. Any
other one counts as wrong until a person shows otherwise.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.builders.model import Outcome, RunStatus
from curate.core.errors import ConfigurationError
from curate.core.files import parse_toml, require_ordinary_file
from curate.core.model import Validation
from curate.workflows.trial import VERIFIED, TrialResult
from curate.workflows.trial_cause import list_exceptions

NO_FAIL_TO_PASS = "validate/no-fail-to-pass"


class Judgment(StrEnum):
    """What the result of a candidate says of curate."""

    VERIFIED = "verified"
    RIGHT = "rightly rejected"
    WRONG = "wrongly rejected or unclear"
    OPEN = "not tried"  # not reached, or after an infrastructure error


@dataclass(frozen=True, kw_only=True)
class JudgedResult:
    """A result with its judgment, and what that rests on."""

    result: TrialResult
    judgment: Judgment
    evidence: str = ""  # "" for a rejection that counts as wrong because nothing shows otherwise


_HINT = 'Write lines like: owner__name-12 = "needs a GPU". Quote ids that have a dot.'


@dataclass(frozen=True, kw_only=True)
class PersonalJudgments:
    """What a person has found out about rejections: a reason by instance id."""

    right: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)


def read_judgments(file: Path) -> PersonalJudgments:
    """Read a TOML file of `id = "reason"`, and of the same in a table `[wrong]`.

    Raises ConfigurationError if it is not such a file, OSError if it cannot be read.
    """
    require_ordinary_file(file)
    try:
        table = parse_toml(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.", hint=_HINT) from error
    wrong = table.pop("wrong", {})
    entries = wrong.items() if isinstance(wrong, dict) else [("[wrong]", None)]
    for name, reason in [*table.items(), *entries]:
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigurationError(f"{file}: {name} has no reason.", hint=_HINT)
    return PersonalJudgments(right=table, wrong=wrong)


def judge_result(result: TrialResult, known: PersonalJudgments) -> JudgedResult:
    """Judge *result*; what a person has found out counts before what the machine sees."""
    name = result.instance_id
    if result.result == VERIFIED:
        return JudgedResult(result=result, judgment=Judgment.VERIFIED)
    if result.validation is None:
        return JudgedResult(result=result, judgment=Judgment.OPEN, evidence=result.error)
    if name in known.wrong:
        return JudgedResult(result=result, judgment=Judgment.WRONG, evidence=known.wrong[name])
    evidence = known.right.get(name, "") or _find_evidence(result, result.validation)
    judgment = Judgment.RIGHT if evidence else Judgment.WRONG
    return JudgedResult(result=result, judgment=judgment, evidence=evidence)


@cache
def _load_evidence() -> dict[str, Any]:
    text = files("curate.workflows").joinpath("trial_evidence.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _find_evidence(result: TrialResult, validation: Validation) -> str:
    """Return what shows that the rejection is right; "" if nothing does."""
    tables = _load_evidence()
    if reason := tables["reasons"].get(result.result):
        return str(reason)
    if result.result == NO_FAIL_TO_PASS and _all_passed(validation):
        return "every test ran and passed before and after the gold patch"
    exceptions = list_exceptions(result.log)
    for reason, pattern in tables["every"].items():
        if exceptions and all(re.search(pattern, line) for line in exceptions):
            return str(reason)
    for reason, pattern in tables["any"].items():
        if re.search(pattern, result.log, re.MULTILINE):
            return str(reason)
    return ""


def _all_passed(validation: Validation) -> bool:
    """Whether every run was completed, and every test that any of them reports passed in it.

    Tests expected to fail ran, too; skipped ones did not.
    """
    ran = {Outcome.PASSED, Outcome.XFAILED, Outcome.XPASSED}
    names = {name for run in validation.runs for name in run.outcomes}
    return bool(names) and all(
        run.status == RunStatus.COMPLETED and all(run.outcomes.get(name) in ran for name in names)
        for run in validation.runs
    )
