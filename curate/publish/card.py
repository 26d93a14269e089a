"""The card of a published data set: pure text out of counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.publish.plots import Figures, figures_text
from curate.releases.columns import VERSION, Column
from curate.store.funnel import Funnel

RAW_NAME = "raw"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


@dataclass(frozen=True, kw_only=True)
class Split:
    """A table of the data set."""

    name: str  # "raw" is a configuration of its own, all others are splits of the default one
    columns: tuple[Column, ...]
    rows: int
    size: int  # bytes of its Parquet files

    @property
    def load(self) -> str:
        """What `load_dataset` takes after the name of the data set."""
        return '"raw", split="train"' if self.name == RAW_NAME else f'split="{self.name}"'


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card says beyond the rows themselves."""

    repo_id: str  # "owner/name" on the Hub
    licence: str = "other"  # identifier the Hub knows
    curate_version: str = ""
    funnels: Sequence[Funnel] = field(default_factory=tuple)
    held: Mapping[str, int] = field(default_factory=dict)  # rows held back, by reason
    rules: str = ""  # what holds rows back, one sentence
    unverified: Sequence[str] = ()  # rules whose source could not be checked
    lite: str = "strict"  # which reading of SWE-bench Lite's rules made the split
    subsets: Mapping[str, str] = field(default_factory=dict)  # conditions of users' splits, by name
    licences: Mapping[str, int] = field(default_factory=dict)  # rows of train, by SPDX expression
    figures: Figures | None = None


def card(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    """README.md of a data set; the same facts give the same text."""
    parts = (
        _metadata(facts, splits),
        _introduction(facts, splits),
        _funnel(facts.funnels),
        _held(facts),
        figures_text(facts.figures) if facts.figures else "",
        _licences(facts.licences),
        _loading(facts, splits),
        _evaluating(facts),
        *(_columns(name, columns) for name, columns in _tables(splits).items()),
    )
    return "\n".join(part for part in parts if part)


def _metadata(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    total = max((split.rows for split in splits), default=0)
    lines = [
        "---",
        f"license: {json.dumps(facts.licence)}",
        f"pretty_name: {json.dumps(facts.repo_id.rpartition('/')[2])}",
        "language:\n- en",
        f"tags:\n- code\n- software-engineering\n- swe-bench\n- curate-schema-{VERSION}",
        f"size_categories:\n- {_size_category(total)}",
        "configs:",
    ]
    for name, default in (("default", True), (RAW_NAME, False)):
        found = [split.name for split in splits if (split.name != RAW_NAME) == default]
        files = [
            f"  - split: {'train' if split == RAW_NAME else split}\n"
            f"    path: data/{split}-*.parquet"
            for split in found
        ]
        if files:
            mark = ["  default: true"] if default else []
            lines += [f"- config_name: {name}", *mark, "  data_files:", *files]
    return "\n".join([*lines, "---", ""])


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "100K<n<1M")


def _introduction(facts: CardFacts, splits: tuple[Split, ...]) -> str:
    made = f" by curate {facts.curate_version}" if facts.curate_version else " by curate"
    rows = [
        f"| {split.name} | {split.rows:,} | {split.size / 1e3:,.0f} kB "
        f"| {_about(split.name, facts)} |"
        for split in splits
    ]
    made_of = {split.name for split in splits}
    empty = [name for name in ("train", "lite", *facts.subsets, RAW_NAME) if name not in made_of]
    rows += [f"| {name} | 0 | no file | {_about(name, facts)} |" for name in empty]
    return "\n".join(
        (
            f"# {facts.repo_id.rpartition('/')[2]}\n",
            "Executable software-engineering tasks from merged pull requests of Python projects,",
            f"made{made}. Each task has a problem statement, a container image with the project",
            "at its base commit, tests that fail before and pass after the gold patch, and",
            "tests that must keep passing. Dependencies are locked as of the pull request's date;",
            "tests were run several times on both sides, each time in a fresh sandbox without",
            "network, and tests that were not stable are listed as quarantined.\n",
            "| split | rows | size | |",
            "|---|---:|---:|---|",
            *rows,
            f"\nSchema version: {VERSION}.\n",
        )
    )


def _about(name: str, facts: CardFacts) -> str:
    known = {
        "train": "verified instances",
        "lite": f"of train: SWE-bench Lite's rules, {facts.lite}",
        RAW_NAME: "every candidate, verified or not; a configuration of its own",
    }
    return known.get(name) or f"of train: `{facts.subsets.get(name, '')}`"


def _held(facts: CardFacts) -> str:
    if not facts.held and not facts.rules:
        return ""
    lines = ["## Held back\n", *([f"{facts.rules}\n"] if facts.rules else [])]
    if facts.unverified:
        lines.append(f"Not checked against their source: {', '.join(facts.unverified)}.\n")
    if not facts.held:
        return "\n".join([*lines, "Nothing was held back.\n"])
    lines += ["| because | rows |", "|---|---:|"]
    ordered = sorted(facts.held.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join([*lines, *(f"| {reason} | {count:,} |" for reason, count in ordered), ""])


def _licences(licences: Mapping[str, int]) -> str:
    if not licences:
        return ""
    lines = [
        "## Licences\n",
        "Of each repository at the base commit, told from its own files; a row's patches and texts",
        "are under it.\n",
        "| licence | instances |",
        "|---|---:|",
    ]
    ordered = sorted(licences.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(
        [*lines, *(f"| {name or 'unclear'} | {count:,} |" for name, count in ordered), ""]
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
    calls = [f'load_dataset("{facts.repo_id}", {split.load})' for split in splits]
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


def _tables(splits: tuple[Split, ...]) -> dict[str, tuple[Column, ...]]:
    """Columns of each configuration."""
    return {RAW_NAME if s.name == RAW_NAME else "default": s.columns for s in splits}


def _columns(name: str, columns: tuple[Column, ...]) -> str:
    rows = [f"| {c.name} | {c.kind} | {c.source} | {c.meaning} |" for c in columns]
    head = [f"## Columns of `{name}`\n", "| column | type | from | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "\nTypes that end in ? may be null: not measured.\n"])
