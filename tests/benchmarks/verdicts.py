"""How our verdicts compare with published rows: a table, one line a row.

    python -m tests.benchmarks.verdicts --data DATA ROWS.jsonl [--repo OWNER/NAME]...

ROWS.jsonl has SWE-bench's columns. Published ids may be cut at their first blank, so ids are
compared up to there. A row whose FAIL_TO_PASS is not given only needs a verified instance.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.model import Validation
from curate.store import Store

HEAD = (
    "| instance | published FAIL_TO_PASS | ours | contains | published PASS_TO_PASS, of these ours"
    " | ours | python | lock s | build s | runs s | CPU s | own MB | environment |"
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One row; `ours` is None where nothing was validated."""

    name: str
    published: frozenset[str] | None  # FAIL_TO_PASS up to the first blank; None = not given
    kept: frozenset[str]  # PASS_TO_PASS, likewise
    ours: Validation | None
    why: str  # what the store says where there is no verified instance

    @property
    def fail_to_pass(self) -> frozenset[str]:
        return _cut(self.ours.verdict.fail_to_pass) if self.ours else frozenset()

    @property
    def matches(self) -> bool:
        return bool(self.fail_to_pass) and (self.published or frozenset()) <= self.fail_to_pass


def main(arguments: list[str] | None = None) -> None:
    """Print the table and its sum."""
    options = _parser().parse_args(arguments)
    with Store(options.data) as store:
        rows = [compared(store, row) for row in read(options.rows, options.repo)]
    print(HEAD)
    print("|" + " --- |" * HEAD.count(" | ") + " --- |")
    for row in rows:
        print(line(row))
    matched = sum(row.matches for row in rows)
    print(f"\n{matched} of {len(rows)} contain every published FAIL_TO_PASS.")


def read(path: Path, repos: list[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of *path*, of all repositories or of *repos*, by instance id."""
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    chosen = (row for row in rows if not repos or row["repo"] in repos)
    yield from sorted(chosen, key=lambda row: str(row["instance_id"]))


def compared(store: Store, row: Mapping[str, Any]) -> Comparison:
    """The published *row* beside what *store* has of it."""
    name = str(row["instance_id"])
    found = store.validation(name)
    fallen = store.rejection(str(row["repo"]), int(name.rsplit("-", 1)[1]))
    why = (found.verdict.rejection if found else fallen) or None
    return Comparison(
        name=name,
        published=_cut(row["FAIL_TO_PASS"]) if row["FAIL_TO_PASS"] else None,
        kept=_cut(row["PASS_TO_PASS"] or ()),
        ours=found,
        why=f"{why.stage}/{why.reason}" if why else "" if found else "not validated",
    )


def line(row: Comparison) -> str:
    """A line of the table."""
    given = "not given" if row.published is None else str(len(row.published))
    mark = "yes" if row.matches else f"no: {row.why or 'others fail'}"
    if row.ours is None or row.ours.environment is None:
        return f"| {row.name} | {given} | | {mark} |"
    environment, verdict = row.ours.environment, row.ours.verdict
    shared = len(row.kept & _cut(verdict.pass_to_pass))
    cells = (
        row.name,
        given,
        len(verdict.fail_to_pass),
        mark,
        f"{len(row.kept)}, {shared}",
        len(verdict.pass_to_pass),
        environment.python,
        f"{environment.lock_seconds:.0f}",
        f"{environment.build_seconds:.0f}",
        f"{sum(run.seconds for run in row.ours.runs):.0f} ({len(row.ours.runs)})",
        f"{sum(run.cpu_seconds for run in row.ours.runs):.0f}",
        f"{environment.layer_bytes.get('instance', 0) / 1e6:.0f}",
        f"{environment.key[:8]}, {environment.layer_bytes.get('environment', 0) / 1e6:.0f} MB",
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _cut(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.split(" ")[0] for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.verdicts")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--repo", action="append", default=[])
    return parser


if __name__ == "__main__":
    main()
