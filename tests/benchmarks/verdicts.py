"""How our verdicts compare with published rows: a Markdown page, a line per row, and targets.

    python -m tests.benchmarks.verdicts ROWS.jsonl --data-dir DATA... [--repo O/N]... [--more]

ROWS.jsonl has SWE-bench's columns. Of several stores the first that has a verdict on a row counts.
Published ids may be cut at their first blank, so ids are compared up to there. A row whose
FAIL_TO_PASS is not given only needs a verified instance; so does one that ROWS lacks, which --more
shows. Causes of misses that no log tells are in `causes.toml`.
"""

import argparse
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from curate.core.model import Environment, Validation
from curate.recipes import RecipeLibrary
from curate.store import Store
from tests.benchmarks.targets import compute_targets

CAUSES = Path(__file__).with_name("causes.toml")
INTRODUCTION = """\
# Known rows, built and run

Printed by `python -m tests.benchmarks.verdicts`, `sharing` and `rebuild`, in this order. Every row
was crawled from a stand-in for GitHub and a real mirror, locked as of its date, built and run like
any other candidate; published lists were only compared with. A row is "right" where what we found
contains every published FAIL_TO_PASS, "verified" where no list is published and there is an
instance. Seconds are upper bounds: two cores, shared with other work. "Work" is the CPU time of
runs plus the wall time of lock and build. A lock or an environment of 0 s was there already, made
for an earlier row. MB are those of an image's layers, which all but the last ("own") are shared;
rows with the same "environment" share that and all below it.
"""
HEAD = (
    "| instance | FAIL_TO_PASS published | of these found | found | PASS_TO_PASS published"
    " | of these found | found | python | lock s | build s | environment s | runs s | work s"
    " | base MB | python MB | shared packages MB | environment MB | checkout MB | unique MB"
    " | environment | verdict |"
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One row; `ours` is None where nothing was validated."""

    name: str
    published: frozenset[str] | None  # FAIL_TO_PASS up to the first blank; None = not given
    kept: frozenset[str]  # PASS_TO_PASS, likewise
    ours: Validation | None
    why: str  # what the store says where there is no verified instance
    older: bool = False  # made with another recipe than today's

    @property
    def fail_to_pass(self) -> frozenset[str]:
        return _cut(self.ours.verdict.fail_to_pass) if self.ours else frozenset()

    @property
    def pass_to_pass(self) -> frozenset[str]:
        return _cut(self.ours.verdict.pass_to_pass) if self.ours else frozenset()

    @property
    def matches(self) -> bool:
        verified = self.ours is not None and self.ours.is_verified
        return verified and (self.published or frozenset()) <= self.fail_to_pass

    @property
    def verdict(self) -> str:
        """Say "right" where it holds what is published, "verified" where nothing is."""
        good = "verified" if self.published is None else "right"
        told = good if self.matches else self.why or "others fail"
        return f"{told}, by an older recipe" if self.older else told


def main(arguments: list[str] | None = None) -> None:
    """Print the page."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        stores = [stack.enter_context(Store(folder)) for folder in options.data_dir]
        rows = list(read(options.rows, options.repo))
        known = {row["instance_id"] for row in rows}
        rows += [row for row in _validated(stores, options.repo) if row["instance_id"] not in known]
        if not options.more:
            rows = [row for row in rows if row["instance_id"] in known]
        compared_rows = [compared(stores, row) for row in rows]
    print(INTRODUCTION)
    print("\n".join(page(sorted(compared_rows, key=lambda row: row.name))))


def page(rows: Sequence[Comparison]) -> Iterator[str]:
    """The lines of sums, targets, table and misses."""
    given = [row for row in rows if row.published is not None]
    verified = [row.ours for row in rows if row.ours and row.matches]
    right = sum(row.matches for row in given)
    others = f"{len(verified) - right} of {len(rows) - len(given)}"
    yield f"{right} of {len(given)} contain every published FAIL_TO_PASS;"
    yield f"{others} without a published list are verified."
    yield "\n| target | at most | measured | of | met |\n| --- | --- | --- | --- | --- |"
    yield from (mark.line for mark in compute_targets(verified))
    yield f"\n{HEAD}\n|" + " --- |" * HEAD.count(" | ") + " --- |"
    yield from map(line, rows)
    causes = tomllib.loads(CAUSES.read_text(encoding="utf-8"))
    missed = [row for row in rows if not row.matches or row.name in causes]
    if missed:
        yield "\nMisses and notes:\n"
        for row in missed:
            unknown = "cause not looked into" if row.ours else "nothing was tried yet"
            yield f"- `{row.name}` ({row.verdict}): {causes.get(row.name, unknown)}"


def read(path: Path, repos: list[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of *path*, of all repositories or of *repos*."""
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    yield from (row for row in rows if not repos or row["repo"] in repos)


def compared(stores: Iterable[Store], row: Mapping[str, Any]) -> Comparison:
    """The published *row* beside what the first of *stores* has of it that has anything."""
    name = str(row["instance_id"])
    number = int(name.rsplit("-", 1)[1])
    found = [each for store in stores if (each := store.get_validation(name))]
    ours = found[0] if found else None
    fallen = [why for store in stores if (why := store.get_rejection(str(row["repo"]), number))]
    why = ours.verdict.rejection if ours else fallen[0] if fallen else None
    return Comparison(
        name=name,
        published=_cut(row["FAIL_TO_PASS"]) if row["FAIL_TO_PASS"] else None,
        kept=_cut(row["PASS_TO_PASS"] or ()),
        ours=ours,
        why=f"{why.stage}/{why.reason}" if why else "" if ours else "not validated",
        older=ours is not None and _is_older(str(row["repo"]), ours.recipe_hash),
    )


def line(row: Comparison) -> str:
    """A line of the table."""
    published = row.published
    given = (
        ("not given", "")
        if published is None
        else (len(published), len(published & row.fail_to_pass))
    )
    cells: list[object] = [row.name, *given, len(row.fail_to_pass)]
    cells += [len(row.kept) or "not given", len(row.kept & row.pass_to_pass) if row.kept else ""]
    cells.append(len(row.pass_to_pass))
    found = row.ours.environment if row.ours else None
    cells += _cost(row.ours, found) if row.ours and found else [""] * 13
    return f"| {' | '.join(str(cell) for cell in [*cells, row.verdict])} |"


_BELOW, _ABOVE = ("base", "python"), ("environment", "checkout", "instance")  # of large parts


def _cost(made: Validation, environment: Environment) -> list[object]:
    return [
        environment.python,
        f"{environment.lock_seconds:.0f}",
        f"{environment.build_seconds:.0f}",
        f"{environment.environment_seconds:.0f}",
        f"{sum(run.seconds for run in made.runs):.0f} ({len(made.runs)})",
        f"{made.work_seconds:.0f}",
        *(f"{size / 1e6:.1f}" for size in _layers(environment.layer_bytes)),
        environment.key[:8],
    ]


def _layers(sizes: Mapping[str, int]) -> Iterator[int]:
    """Bytes of base, python, all large parts, environment, tree and instance."""
    yield from (sizes.get(name, 0) for name in _BELOW)
    yield sum(size for name, size in sizes.items() if name not in _BELOW + _ABOVE)
    yield from (sizes.get(name, 0) for name in _ABOVE)


@cache
def _is_older(repo: str, recipe_hash: str) -> bool:
    recipe = RecipeLibrary().get_recipe(repo)
    return recipe_hash not in {recipe.compute_hash(env) for env in recipe.env}


def _validated(stores: Iterable[Store], repos: list[str]) -> Iterator[Mapping[str, Any]]:
    """What *stores* have a verdict on, as rows that tell nothing of theirs."""
    names = {name for store in stores for name in store.validated_inputs()}
    for name in names:
        repo = name.rsplit("-", 1)[0].replace("__", "/", 1)
        if not repos or repo in repos:
            yield {"instance_id": name, "repo": repo, "FAIL_TO_PASS": (), "PASS_TO_PASS": ()}


def _cut(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.split(" ")[0] for name in names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.verdicts")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data-dir", type=Path, nargs="+", default=[Path("data")])
    parser.add_argument("--repo", action="append", default=[])
    parser.add_argument("--more", action="store_true", help="rows that only the stores have, too")
    return parser


if __name__ == "__main__":
    main()
