"""The card of a published data set: pure text out of counts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from curate.publishing.schema import Column
from curate.store.funnel import Funnel

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


@dataclass(frozen=True, kw_only=True)
class Split:
    """A table of the data set."""

    name: str  # "train" is the default configuration, any other one of its own
    columns: tuple[Column, ...]
    rows: int
    size: int  # bytes of its Parquet files


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card says beyond the rows themselves."""

    repo_id: str  # "owner/name" on the Hub
    licence: str = "other"  # identifier the Hub knows
    curate_version: str = ""
    funnels: Sequence[Funnel] = field(default_factory=tuple)


def card(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    """README.md of a data set; the same facts give the same text."""
    parts = (
        _metadata(facts, splits),
        _introduction(facts, splits),
        _funnel(facts.funnels),
        _loading(facts, splits),
        _evaluating(facts),
        *(_columns(split) for split in splits),
    )
    return "\n".join(part for part in parts if part)


def _metadata(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    total = max((split.rows for split in splits), default=0)
    lines = [
        "---",
        f"license: {json.dumps(facts.licence)}",
        f"pretty_name: {json.dumps(facts.repo_id.rpartition('/')[2])}",
        "language:\n- en",
        "tags:\n- code\n- software-engineering\n- swe-bench",
        f"size_categories:\n- {_size_category(total)}",
        "configs:",
    ]
    for split in splits:
        default = split.name == "train"
        lines += [
            f"- config_name: {'default' if default else split.name}",
            *(["  default: true"] if default else []),
            "  data_files:",
            "  - split: train",
            f"    path: data/{split.name}-*.parquet",
        ]
    return "\n".join([*lines, "---", ""])


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "100K<n<1M")


def _introduction(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    made = f" by curate {facts.curate_version}" if facts.curate_version else " by curate"
    rows = [
        f"| {'default' if split.name == 'train' else split.name} | train | {split.rows:,} "
        f"| {split.size / 1e6:,.1f} MB |"
        for split in splits
    ]
    return "\n".join(
        (
            f"# {facts.repo_id.rpartition('/')[2]}\n",
            "Executable software-engineering tasks from merged pull requests of Python projects,",
            f"made{made}. Each task has a problem statement, a container image with the project",
            "at its base commit, tests that fail before and pass after the gold patch, and",
            "tests that must keep passing. Dependencies are locked as of the pull request's date;",
            "tests were run several times on both sides, each time in a fresh sandbox without",
            "network, and tests that were not stable are listed as quarantined.\n",
            "| configuration | split | rows | size |",
            "|---|---|---:|---:|",
            *rows,
            "",
        )
    )


def _funnel(funnels: Sequence[Funnel]) -> str:
    if not funnels:
        return ""
    lines = [
        "## From pull requests to tasks\n",
        "| repository | merged pulls | candidates | validated | verified |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {f.repo} | {f.pulls:,} | {f.candidates:,} | {f.validated:,} | {f.verified:,} |"
        for f in sorted(funnels, key=lambda funnel: funnel.repo)
    ]
    reasons: dict[str, int] = {}
    for funnel in funnels:
        for reason, count in funnel.rejected.items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        lines += ["\n| rejected at/because | pulls |", "|---|---:|"]
        ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"| {reason} | {count:,} |" for reason, count in ordered]
    return "\n".join([*lines, ""])


def _loading(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    calls = [
        f'load_dataset("{facts.repo_id}", split="train")'
        if split.name == "train"
        else f'load_dataset("{facts.repo_id}", "{split.name}", split="train")'
        for split in splits
    ]
    code = "\n".join(["from datasets import load_dataset\n", *calls])
    return f"## Loading\n\n```python\n{code}\n```\n"


def _evaluating(facts: CardFacts) -> str:
    return "\n".join(
        (
            "## Evaluating\n",
            "The rows carry all that SWE-bench's own harness needs (5.0 or newer):\n",
            "```bash",
            "pip install swebench",
            f"swebench eval {facts.repo_id} --split train --gold -j 2",
            f"swebench eval {facts.repo_id} --split train -p predictions.jsonl --run-id mine",
            "```\n",
            "Test ids are printed and listed as one word: blanks, backslashes and non-ASCII are",
            "percent-escaped, byte by UTF-8 byte; `fail_to_pass_exact` and `pass_to_pass_exact`",
            "hold them as pytest names them.\n",
        )
    )


def _columns(split: Split) -> str:
    name = "default" if split.name == "train" else split.name
    rows = [f"| {c.name} | {c.kind} | {c.source} | {c.meaning} |" for c in split.columns]
    head = [f"## Columns of `{name}`\n", "| column | type | from | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])
