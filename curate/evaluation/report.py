"""Reports of an evaluation, in the form of SWE-bench 5, and a reward for each instance."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.builders.process.atomic_write import atomic_write
from curate.core.errors import ConfigurationError
from curate.core.task import Task
from curate.harness.grade import Grade, GradeReason

REPORT_VERSION = 2  # `schema_version` of SWE-bench's report
_FILE_NAME = re.compile(r"[\w.+@=,-]{1,200}")
_EXTRA_GROUPS = ("FAIL_TO_FAIL", "PASS_TO_FAIL")  # SWE-bench has them, and leaves them empty


@dataclass(kw_only=True)
class ModelReport:
    """What became of the predictions of one model: instance ids by outcome."""

    model: str
    total_ids: tuple[str, ...]  # of the dataset
    submitted_ids: tuple[str, ...]  # of these, with a prediction
    unknown_ids: tuple[str, ...] = ()  # predicted, but not in the dataset
    reasons: dict[str, GradeReason] = field(default_factory=dict)  # of graded predictions
    errors: dict[str, str] = field(default_factory=dict)  # infrastructure: not graded
    known: int = 0  # grades that were stored

    def ids_by_reason(self, *reasons: GradeReason) -> list[str]:
        """Return the sorted ids that were graded with one of *reasons*."""
        return sorted(name for name, reason in self.reasons.items() if reason in reasons)

    @property
    def resolved_ids(self) -> list[str]:
        """Sorted."""
        return self.ids_by_reason(GradeReason.RESOLVED)

    @property
    def empty_ids(self) -> list[str]:
        """Ids with an empty patch, sorted."""
        return self.ids_by_reason(GradeReason.EMPTY)

    def to_json(self) -> Mapping[str, Any]:
        """Return SWE-bench's report of a run, with further keys after its own."""
        resolved, empty = self.resolved_ids, self.empty_ids
        done = sorted(set(self.reasons) - set(empty))
        lists = {
            "completed_ids": done,
            "incomplete_ids": sorted(set(self.total_ids) - set(self.submitted_ids)),
            "empty_patch_ids": empty,
            "submitted_ids": sorted(self.submitted_ids),
            "resolved_ids": resolved,
            "unresolved_ids": sorted(set(done) - set(resolved)),
            "error_ids": sorted(self.errors),
        }
        return {
            "total_instances": len(self.total_ids),
            "submitted_instances": len(self.submitted_ids),
            "completed_instances": len(done),
            "resolved_instances": len(resolved),
            "unresolved_instances": len(lists["unresolved_ids"]),
            "empty_patch_instances": len(empty),
            "error_instances": len(self.errors),
            **lists,
            "schema_version": REPORT_VERSION,
            "model_name_or_path": self.model,
            "unknown_ids": sorted(self.unknown_ids),
            "reasons": {name: str(self.reasons[name]) for name in sorted(self.reasons)},
            "errors": {name: self.errors[name] for name in sorted(self.errors)},
        }


def make_run_folder(data_dir: Path, name: str) -> Path:
    """Return the folder of the reports called *name*; ConfigurationError if it is no file name."""
    if not _FILE_NAME.fullmatch(name) or not name.strip("."):
        raise ConfigurationError(
            f"{name!r} is not a file name.", hint="Pass another name with --run-id."
        )
    return data_dir / "evaluations" / name


def model_folder(folder: Path, model: str) -> Path:
    """Return the folder of a model's results; as in SWE-bench, `/` becomes `__`."""
    return folder / _make_file_name(model.replace("/", "__"))


def instance_folder(folder: Path, instance_id: str) -> Path:
    """Return the folder of an instance's results in that of its model."""
    return folder / _make_file_name(instance_id)


def write_model_report(folder: Path, report: ModelReport) -> Path:
    """Write `report.json` into *folder* and return its path."""
    path = folder / "report.json"
    _write_json(path, report.to_json())
    return path


def write_grade(folder: Path, task: Task, patch: bytes, grade: Grade) -> None:
    """Write reward, SWE-bench's report, patch and output of one instance into *folder*."""
    _write_json(folder / "reward.json", make_reward(grade))
    _write_json(folder / "report.json", {task.instance_id: _make_instance_report(task, grade)})
    _write(folder / "patch.diff", patch)
    _write(folder / "test_output.txt", grade.output)


def write_error(folder: Path, error: str) -> None:
    """Write that an instance has no reward, and why, into *folder*."""
    _write_json(
        folder / "reward.json",
        {"reward": None, "resolved": None, "reason": "infrastructure-error", "detail": error},
    )


def make_reward(grade: Grade) -> dict[str, Any]:
    """Return the content of `reward.json`; fractions are of the tests of the instance."""
    return {
        "reward": grade.reward,
        "resolved": grade.resolved,
        "fail_to_pass": grade.fail_to_pass.fraction,
        "pass_to_pass": grade.pass_to_pass.fraction,
        "reason": str(grade.reason),
        "detail": grade.detail,
        "restored_paths": list(grade.restored_paths),
        "applied_with": grade.applied_with,
        "seconds": grade.seconds,
    }


def _make_instance_report(task: Task, grade: Grade) -> dict[str, Any]:
    failed = frozenset(grade.failed_tests)
    is_empty = grade.reason is GradeReason.EMPTY
    ran = grade.reason not in {
        GradeReason.EMPTY,
        GradeReason.TOO_LARGE,
        GradeReason.DOES_NOT_APPLY,
    }
    groups = {"FAIL_TO_PASS": task.fail_to_pass, "PASS_TO_PASS": task.pass_to_pass}
    empty: dict[str, list[str]] = {"success": [], "failure": []}
    return {
        "patch_is_None": is_empty,
        "patch_exists": not is_empty,
        "patch_successfully_applied": ran,
        "resolved": grade.resolved,
        "tests_status": {
            name: {
                "success": [it for it in ids if ran and it not in failed],
                "failure": [it for it in ids if not ran or it in failed],
            }
            for name, ids in groups.items()
        }
        | dict.fromkeys(_EXTRA_GROUPS, empty),
    }


def _make_file_name(name: str) -> str:
    """Return *name* if it is a plain file name, else one that no other name gives."""
    if _FILE_NAME.fullmatch(name) and name.strip("."):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return re.sub(r"[^\w-]+", "-", name)[:80].strip("-") + f".{digest}"


def _write_json(path: Path, value: object) -> None:
    _write(path, (json.dumps(value, indent=2) + "\n").encode("ascii"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def count_reasons(reports: Iterable[ModelReport]) -> Mapping[str, int]:
    """Return reason -> number of predictions of all *reports*, in the order of `GradeReason`."""
    found = [reason for report in reports for reason in report.reasons.values()]
    return {str(reason): found.count(reason) for reason in GradeReason if reason in found}
