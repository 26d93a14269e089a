"""`python -m tests.benchmarks.leaks`: what texts give away, and how many share a leak group.

With `--rows FILE...` (JSON lines with SWE-bench's columns): how many of the rows give what away.
With the data folder of a crawl: sizes of the groups of its candidates, and the ratio of the time to
that of reading the candidates.
"""

import argparse
import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from curate.core.model import Candidate
from curate.publish.measures.solution_leaks import find_leaks
from curate.store import Store
from tests.helpers.releases import compute_leak_groups


def on_rows(files: list[Path]) -> None:
    """Print counts of the rows of *files*, each instance once."""
    lines = (line for file in files for line in file.open(encoding="utf-8"))
    rows = {row["instance_id"]: row for row in map(json.loads, lines)}
    told = [find_leaks(_candidate(row)) for row in rows.values()]
    counts = Counter(kind for one in told for kind in one.kinds)
    shares = [one.leaked_fraction for one in told if one.leaked_fraction is not None]
    print(f"{len(told)} rows, {len(shares)} of them with telling lines: {dict(counts)}")
    for least in (1.0, 0.75, 0.5, 0.25):
        most = sum(share >= least for share in shares)
        print(f"  at least {least:.2f} of gold's telling lines in the problem statement: {most}")


def _candidate(row: dict[str, str]) -> Candidate:
    return Candidate(
        instance_id=row["instance_id"],
        repo=row["repo"],
        pull_number=int(row["instance_id"].rpartition("-")[2]),
        base_commit="",
        base_commit_rule="",
        head_commit="",
        merge_commit=None,
        patch=row["patch"].encode(),
        test_patch=b"",
        problem_statement=row["problem_statement"],
        hints_text=row.get("hints_text", ""),
        created_at=datetime.now(UTC),
        version="",
    )


def on_store(data: Path) -> None:
    """Print how large the groups of all candidates in the store are."""
    with Store(data) as store:
        began = time.process_time()
        candidates = list(store.iter_candidates())
        read = time.process_time()
        groups = compute_leak_groups(candidates)
        made = time.process_time()
    sizes = Counter(Counter(groups.values()).values())
    alone, without = sizes.pop(1, 0), len(candidates) - len(groups)
    print(f"{len(candidates)} candidates, {alone} alone, {without} that gather others")
    print("groups by size: " + ", ".join(f"{n} of {size}" for size, n in sorted(sizes.items())))
    print(f"time: {(made - read) / (read - began):.1f} times that of reading them")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.leaks")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("data", type=Path, nargs="?", help="data folder of a crawl")
    given.add_argument("--rows", type=Path, nargs="+", help="rows as JSON lines")
    chosen = parser.parse_args()
    on_rows(chosen.rows) if chosen.rows else on_store(chosen.data)


if __name__ == "__main__":
    main()
