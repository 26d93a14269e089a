"""How much less work the quick ways of a large store are than plain ways to the same results.

`python -m tests.benchmarks.quick_paths` goes both ways, requires that they end at the same, and
prints the ratio of their CPU-seconds in this run; it says nothing of the machine. The exit code is
1 if a quick way is no longer quicker.
"""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from curate.builders.pytest_plugin.test_ids import escape_test_id
from curate.core.model import Candidate
from curate.environments.context import ValidationOptions
from curate.publish.diff import diff_rows
from curate.publish.escaped_ids import escape_test_ids
from curate.publish.export.swebench import render_repository_task
from curate.publish.filters.secrets import find_secrets, may_hold_secrets
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash, hash_inputs, list_shared_inputs
from tests.helpers.large_store import REALISTIC, REPOSITORIES, fill_store
from tests.helpers.releases import good

REPEATS = 5
CANDIDATES = 200
IDS = [f"tests/test_part.py::TestArray::test_sort_index[{number}-x y]" for number in range(1000)]


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Two ways to one result."""

    name: str
    plain: Callable[[], object]
    quick: Callable[[], object]


def main() -> int:
    """Print the table; 1 if a quick way is not quicker."""
    print("| what | plain / quick |")
    print("| --- | --- |")
    with tempfile.TemporaryDirectory(prefix="curate-quick-") as folder:
        fill_store(Path(folder), candidates=CANDIDATES, verified=0, sizes=REALISTIC)
        with Store(Path(folder)) as store:
            candidates = list(store.iter_candidates())
    ratios = [_compare(ways) for ways in _list_ways(candidates)]
    return int(min(ratios) <= 1)


def _compare(ways: Ways) -> float:
    assert ways.plain() == ways.quick(), ways.name
    ratio = _measure(ways.plain) / _measure(ways.quick)
    print(f"| {ways.name} | {ratio:.1f} |", flush=True)
    return ratio


def _measure(work: Callable[[], object]) -> float:
    """CPU-seconds of the quickest of a few calls."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def _list_ways(candidates: Sequence[Candidate]) -> Iterator[Ways]:
    yield Ways(
        name="escape test ids",
        plain=lambda: [escape_test_id(it) for it in IDS],
        quick=lambda: escape_test_ids(IDS),
    )
    texts = [f"{it.problem_statement}\0{it.patch.decode()}" for it in candidates]
    yield Ways(
        name="find no secret",
        plain=lambda: [bool(find_secrets(it)) for it in texts],
        quick=lambda: [may_hold_secrets(it) for it in texts],
    )
    yield _write_tasks()
    yield _hash_inputs(candidates)
    yield _compare_releases(texts)


def _write_tasks() -> Ways:
    row = good(7, pass_to_pass_node_ids=IDS)
    name = "tasks/owner__name-7/task.yaml"
    fields = yaml.safe_load(dict(render_repository_task("o/n", row))[name])
    return Ways(
        name="write a task of SWE-bench",
        plain=lambda: yaml.safe_dump(fields, allow_unicode=True, default_flow_style=False),
        quick=lambda: dict(render_repository_task("o/n", row))[name],
    )


def _hash_inputs(candidates: Sequence[Candidate]) -> Ways:
    """As `curate validate` does to find what is up to date."""
    recipe, options = Recipe(repo=REPOSITORIES[0]), ValidationOptions()
    patches = [
        (hashlib.sha256(it.patch).hexdigest(), hashlib.sha256(it.test_patch).hexdigest())
        for it in candidates
    ]

    def hash_all() -> list[str]:
        shared = list_shared_inputs(candidates[0].version, recipe, options)
        return [hash_inputs(it, each, shared) for it, each in zip(candidates, patches, strict=True)]

    return Ways(
        name="hash the inputs of validations",
        plain=lambda: [compute_inputs_hash(it, recipe, options) for it in candidates],
        quick=hash_all,
    )


def _compare_releases(texts: Sequence[str]) -> Ways:
    rows = [good(number, patch=it, PASS_TO_PASS=IDS) for number, it in enumerate(texts, 1)]

    def compare_hashes() -> bool:
        old, new = (
            [
                [hashlib.blake2b(json.dumps(it).encode()).digest() for it in row.values()]
                for row in rows
            ]
            for _ in ("old", "new")
        )
        return old != new

    return Ways(
        name="compare releases",
        plain=compare_hashes,
        quick=lambda: bool(diff_rows("train", rows, rows)),
    )


if __name__ == "__main__":
    sys.exit(main())
