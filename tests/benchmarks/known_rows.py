"""How the rebuilt candidates compare with published rows of known repositories.

    python -m tests.benchmarks.known_rows STORE [--rows ROWS.jsonl] [--ids IDS.txt]

STORE is the data folder of a crawl whose mirrors are in its `mirrors` folder. ROWS has published
rows, one JSON object a line (`instance_id`, `repo`, `base_commit`); IDS one instance id a line. For
each repository of the store: how many ids are candidates; in how many rows the base is the
published one as GitHub gives it and as git alone tells it; in how many the patches apply on the
candidate's base, and by which rule it was chosen. Every miss is named with its recorded reason.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate.core.model import Candidate
from curate.crawl.base_commit import find_patch_range
from curate.git.mirror import Mirror, open_mirror
from curate.store import Store


@dataclass
class Tally:
    """One repository's counts, and what fell."""

    ids: int = 0
    candidates: int = 0
    rows: int = 0
    same_base: int = 0
    same_derived: int = 0
    apply: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)


def main() -> None:
    """Compare, and print a table and the misses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--ids", type=Path)
    options = parser.parse_args()
    rows = _rows(options.rows)
    ids = {*(options.ids.read_text().split() if options.ids else ()), *rows}
    print(
        f"{'repository':24}{'ids':>5}{'candidates':>11}{'rows':>6}{'base':>6}{'by git':>8}"
        f"{'apply':>7}  rules"
    )
    tallies = []
    with Store(options.store) as store:
        for repo in store.list_repositories():
            tallies.append(compared(store, repo, ids, rows))
            _print(repo, tallies[-1])
    _print("all", _sum(tallies))
    for tally in tallies:
        print(*tally.misses, sep="\n", end="\n" if tally.misses else "")


def compared(store: Store, repo: str, ids: Iterable[str], rows: Mapping[str, str]) -> Tally:
    """Count over one repository; *rows* has the published base of an id."""
    tally = Tally()
    path = store.folder / "mirrors" / f"{repo.replace('/', '__')}.git"
    with open_mirror(path) as mirror:
        for name in sorted(ids, key=_number):
            if name.rpartition("-")[0] != repo.replace("/", "__"):
                continue
            tally.ids += 1
            candidate = store.get_candidate(name)
            if candidate is None:
                tally.misses.append(f"{name}: {_reason(store, repo, name)}")
                continue
            tally.candidates += 1
            if name in rows:
                tally.misses += _compare(store, mirror, candidate, rows[name], tally)
    return tally


def _compare(
    store: Store, mirror: Mirror, made: Candidate, base: str, tally: Tally
) -> Iterator[str]:
    pull = store.get_pull(made.repo, made.pull_number)
    assert pull is not None
    derived = find_patch_range(mirror.commit_graph, replace(pull, base_commit=""))
    applies = mirror.can_apply(made.base_commit, made.patch + made.test_patch)
    tally.rows += 1
    tally.rules[made.base_commit_rule] += 1
    tally.same_base += made.base_commit == base
    tally.same_derived += derived is not None and derived.base_commit == base
    tally.apply += applies
    if not applies:
        yield f"{made.instance_id}: the patches do not apply at {made.base_commit}"
    if made.base_commit != base:
        rule = made.base_commit_rule
        yield f"{made.instance_id}: base is {made.base_commit} by {rule}, not {base}"
    if derived is None or derived.base_commit != base:
        told = derived.base_commit if derived else "nothing"
        yield f"{made.instance_id}: git alone tells base {told}, not {base}"


def _reason(store: Store, repo: str, name: str) -> str:
    rejection = store.get_rejection(repo, _number(name))
    if rejection is not None:
        return f"{rejection.reason} {rejection.detail}".rstrip()
    return "no such merged pull" if store.get_pull(repo, _number(name)) is None else "undecided"


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _rows(path: Path | None) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    rows = [json.loads(line) for line in lines if line.strip()]
    return {row["instance_id"]: row["base_commit"] for row in rows}


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for it in tallies:
        total.ids += it.ids
        total.candidates += it.candidates
        total.rows += it.rows
        total.same_base += it.same_base
        total.same_derived += it.same_derived
        total.apply += it.apply
        total.rules.update(it.rules)
    return total


def _print(repo: str, it: Tally) -> None:
    rules = ", ".join(f"{count} {rule}" for rule, count in it.rules.most_common())
    print(
        f"{repo:24}{it.ids:5}{it.candidates:11}{it.rows:6}{it.same_base:6}{it.same_derived:8}"
        f"{it.apply:7}  {rules}"
    )


if __name__ == "__main__":
    main()
