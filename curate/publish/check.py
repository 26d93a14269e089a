"""Checks of a release directory before a push: files, columns and rows."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from curate.core.errors import NotFoundError
from curate.harness import eval_script
from curate.publish.context import ProgressCallback, ignore_progress
from curate.publish.escaped_ids import escape_test_ids
from curate.publish.filters.apply import RowExaminer, SplitExaminers
from curate.publish.filters.config import ReleaseFilters
from curate.publish.filters.decide import FACT_COLUMNS, decide_exclusions, read_facts
from curate.publish.filters.examined_row import ExaminedRow
from curate.publish.images import is_in_registry
from curate.publish.release import check_release
from curate.publish.swebench_strings import find_differences
from curate.releases.certificate import (
    InvalidCertificateError,
    read_certificate,
    verify_signature,
)
from curate.releases.reader import count_rows, find_schema_errors, iter_rows, list_splits
from curate.releases.row import Row, get_list, get_str

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class ReleaseProblem:
    """A problem of a release or of one of its rows."""

    reason: str
    split: str = ""
    instance_id: str = ""
    blocks_push: bool = True  # False: a warning, the release may be pushed

    def __str__(self) -> str:
        place = " ".join(part for part in (self.split, self.instance_id) if part)
        return f"{place}: {self.reason}" if place else self.reason


def check_release_folder(
    folder: Path,
    filters: ReleaseFilters,
    examiners: SplitExaminers | None = None,
    progress: ProgressCallback = ignore_progress,
) -> list[ReleaseProblem]:
    """Return all problems of the release in *folder*, those that block a push first.

    *examiners* know the rows that they have examined; they must have the same *filters*.
    """
    file_problems = [ReleaseProblem(reason=sentence) for sentence in check_release(folder)]
    if file_problems:
        return file_problems
    examiners = examiners or SplitExaminers(filters)
    problems: list[ReleaseProblem] = []
    train_ids = frozenset(
        get_str(row, "instance_id") for row in iter_rows(folder, "train", ["instance_id"])
    )
    for split in list_splits(folder):
        schema_errors = [
            ReleaseProblem(split=split, reason=error) for error in find_schema_errors(folder, split)
        ]
        if split != "raw" and not schema_errors:
            schema_errors = [
                ReleaseProblem(split=split, reason=it) for it in find_differences(folder, split)
            ]
        rows = _count_progress(folder, split, progress)
        examiner = examiners.raw if split == "raw" else examiners.train
        problems += schema_errors or _check_split(split, rows, examiner, train_ids)
    return sorted(problems, key=lambda problem: not problem.blocks_push)


def check_signature(folder: Path, key: Path | None) -> list[ReleaseProblem]:
    """Return what is wrong with the signature of the certificate in *folder*; *key* may be None."""
    if key is None:
        return []
    try:
        verify_signature(folder, read_certificate(folder), key)
    except (InvalidCertificateError, NotFoundError) as error:
        return [ReleaseProblem(reason=str(error))]
    return []


def _count_progress(folder: Path, split: str, progress: ProgressCallback) -> Iterator[Row]:
    total = count_rows(folder, split)
    for number, row in enumerate(iter_rows(folder, split), 1):
        progress(f"checking {split}", number, total)
        yield row


def _check_split(
    split: str, rows: Iterable[Row], examiner: RowExaminer, train: Collection[str]
) -> Iterator[ReleaseProblem]:
    counts = Counter[str]()
    examined: list[ExaminedRow] = []
    facts: list[Row] = []
    for row in rows:
        name = get_str(row, "instance_id")
        counts[name] += 1
        facts.append({column: row.get(column) for column in FACT_COLUMNS})
        examined.append(examiner.examine(row))
        for reason in (
            _check_row(row) if split == "raw" else (*_check_row(row), *_check_train_row(row))
        ):
            yield ReleaseProblem(split=split, instance_id=name, reason=reason)
        if split not in {"raw", "train"} and name not in train:
            yield ReleaseProblem(split=split, instance_id=name, reason="is not in train")
        if split == "train" and not is_in_registry(row):
            reason = f"image {get_str(row, 'image')} has not been pushed to a registry"
            yield ReleaseProblem(split=split, instance_id=name, reason=reason, blocks_push=False)
    for name, count in counts.items():
        if count > 1:
            yield ReleaseProblem(split=split, instance_id=name, reason=f"occurs {count} times")
    excluded = decide_exclusions(examined, examiner.filters, read_facts(facts))
    for exclusion in chain.from_iterable(excluded.values()):
        yield ReleaseProblem(split=split, instance_id=exclusion.instance_id, reason=str(exclusion))
    if split == "train" and (unknown := sum(row["eval_verified"] is None for row in facts)):
        reason = f"eval_script of {unknown:,} rows was not run in the image (curate publish verify)"
        yield ReleaseProblem(split=split, reason=reason, blocks_push=False)


def _check_row(row: Row) -> Iterator[str]:
    owner = get_str(row, "repo").replace("/", "__")
    if get_str(row, "instance_id") != f"{owner}-{row['pull_number']}":
        yield "instance_id does not match repo and pull_number"
    if not _COMMIT.fullmatch(get_str(row, "base_commit")):
        yield "base_commit is not a full commit id"
    for name in ("patch", "test_patch"):
        if not get_str(row, name).startswith("diff --git "):
            yield f"{name} is not a git patch"
    if not get_str(row, "problem_statement").strip():
        yield "problem_statement is empty"


def _check_train_row(row: Row) -> Iterator[str]:
    fail_to_pass, pass_to_pass = get_list(row, "FAIL_TO_PASS"), get_list(row, "PASS_TO_PASS")
    if not fail_to_pass:
        yield "FAIL_TO_PASS is empty"
    if set(fail_to_pass) & set(pass_to_pass):
        yield "a test is in both FAIL_TO_PASS and PASS_TO_PASS"
    for name, ids in (("FAIL_TO_PASS", fail_to_pass), ("PASS_TO_PASS", pass_to_pass)):
        if ids != escape_test_ids(get_list(row, f"{name.lower()}_node_ids")):
            yield f"{name} and {name.lower()}_node_ids differ"
    lines = get_str(row, "eval_script").split("\n")
    for marker in (eval_script.START_MARKER, eval_script.END_MARKER):
        if lines.count(f"echo '{marker}'") != 1:
            yield f"eval_script does not print {marker!r} exactly once"
    if not get_str(row, "image"):
        yield "image is empty"
