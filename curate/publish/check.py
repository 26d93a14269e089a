"""Whether a release folder may be pushed: its files, its columns, each of its rows."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from builders.pytest_plugin.test_ids import canonical_id
from curate.harness import eval_script
from curate.publish.filters.apply import sift
from curate.publish.filters.config import Rules
from curate.publish.measures.benchmark_overlap import Benchmark, benchmark
from curate.publish.release import check_release
from curate.releases.reader import read_rows, schema_faults, split_names
from curate.releases.row import Row, strings, text

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a release, or with one row of it."""

    reason: str
    split: str = ""
    instance_id: str = ""
    refused: bool = True  # False: a warning, the release may be pushed

    def __str__(self) -> str:
        place = " ".join(part for part in (self.split, self.instance_id) if part)
        return f"{place}: {self.reason}" if place else self.reason


def check(folder: Path, rules: Rules) -> list[Fault]:
    """Everything wrong with the release in *folder*, worst first."""
    broken = [Fault(reason=sentence) for sentence in check_release(folder)]
    if broken:
        return broken
    benchmarks = [benchmark(name) for name in rules.contamination.lists]
    faults: list[Fault] = []
    train = {text(row, "instance_id") for row in read_rows(folder, "train")}
    for split in split_names(folder):
        departures = [Fault(split=split, reason=why) for why in schema_faults(folder, split)]
        faults += departures or _split(split, read_rows(folder, split), rules, benchmarks, train)
    return sorted(faults, key=lambda fault: not fault.refused)


def _split(
    split: str,
    rows: Sequence[Row],
    rules: Rules,
    benchmarks: Sequence[Benchmark],
    train: set[str],
) -> Iterator[Fault]:
    counts = Counter(text(row, "instance_id") for row in rows)
    for name, count in counts.items():
        if count > 1:
            yield Fault(split=split, instance_id=name, reason=f"comes {count} times")
    _, held = sift(rows, rules.for_raw() if split == "raw" else rules, benchmarks)
    for problem in chain.from_iterable(held.values()):
        yield Fault(split=split, instance_id=problem.instance_id, reason=str(problem))
    for row in rows:
        name = text(row, "instance_id")
        for why in _row(row) if split == "raw" else (*_row(row), *_train_row(row)):
            yield Fault(split=split, instance_id=name, reason=why)
        if split not in {"raw", "train"} and name not in train:
            yield Fault(split=split, instance_id=name, reason="is not in train")
        if split == "train" and "@sha256:" not in text(row, "image"):
            why = f"image {text(row, 'image')} is in no registry"
            yield Fault(split=split, instance_id=name, reason=why, refused=False)


def _row(row: Row) -> Iterator[str]:
    owner = text(row, "repo").replace("/", "__")
    if text(row, "instance_id") != f"{owner}-{row['pull_number']}":
        yield "its id is not made of its repository and its pull"
    if not _COMMIT.fullmatch(text(row, "base_commit")):
        yield "base_commit is no commit"
    for name in ("patch", "test_patch"):
        if not text(row, name).startswith("diff --git "):
            yield f"{name} is no git patch"
    if not text(row, "problem_statement").strip():
        yield "no problem statement"


def _train_row(row: Row) -> Iterator[str]:
    fail, keep = strings(row, "FAIL_TO_PASS"), strings(row, "PASS_TO_PASS")
    if not fail:
        yield "no FAIL_TO_PASS"
    if set(fail) & set(keep):
        yield "a test is in FAIL_TO_PASS and in PASS_TO_PASS"
    for name, ids in (("FAIL_TO_PASS", fail), ("PASS_TO_PASS", keep)):
        if ids != [canonical_id(exact) for exact in strings(row, f"{name.lower()}_exact")]:
            yield f"{name} and {name.lower()}_exact are not the same tests"
    lines = text(row, "eval_script").split("\n")
    for marker in (eval_script.START, eval_script.END):
        if lines.count(f"echo '{marker}'") != 1:
            yield f"eval_script does not print {marker!r} once"
    if not text(row, "image"):
        yield "no image"
