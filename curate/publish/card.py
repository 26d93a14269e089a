"""The card of a published data set: pure text out of counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.publish.plots import DatasetStatistics, render_statistics
from curate.releases.columns import SCHEMA_VERSION, Column
from curate.store.funnel import RepositoryFunnel

RAW_CONFIG = "raw"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


@dataclass(frozen=True, kw_only=True)
class DatasetSplit:
    """A table of the data set."""

    name: str  # "raw" is a configuration of its own, all others are splits of the default one
    columns: tuple[Column, ...]
    rows: int
    size: int  # bytes of its Parquet files

    @property
    def load(self) -> str:
        """What `load_dataset` takes after the name of the data set."""
        return '"raw", split="train"' if self.name == RAW_CONFIG else f'split="{self.name}"'


@dataclass(frozen=True, kw_only=True)
class CardData:
    """What a card says beyond the rows themselves."""

    repo_id: str  # "owner/name" on the Hub
    license: str = "other"  # identifier the Hub knows
    curate_version: str = ""
    funnels: Sequence[RepositoryFunnel] = field(default_factory=tuple)
    excluded: Mapping[str, int] = field(default_factory=dict)  # rows held back, by reason
    filters_about: str = ""  # what holds rows back, one sentence
    unverified: Sequence[str] = ()  # rules whose source could not be checked
    lite: str = "coded"  # which criteria of SWE-bench Lite made the split
    subsets: Mapping[str, str] = field(default_factory=dict)  # conditions of users' splits, by name
    licenses: Mapping[str, int] = field(default_factory=dict)  # rows of train, by SPDX expression
    statistics: DatasetStatistics | None = None


def render_card(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    """README.md of a data set; the same facts give the same text."""
    parts = (
        _render_metadata(data, splits),
        _render_introduction(data, splits),
        _render_funnel(data.funnels),
        _render_excluded(data),
        render_statistics(data.statistics) if data.statistics else "",
        _render_licenses(data.licenses),
        _render_loading(data, splits),
        _render_evaluation(data),
        *(_render_columns(name, columns) for name, columns in _columns_by_config(splits).items()),
    )
    return "\n".join(part for part in parts if part)


def _render_metadata(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    total = max((split.rows for split in splits), default=0)
    lines = [
        "---",
        f"license: {json.dumps(data.license)}",
        f"pretty_name: {json.dumps(data.repo_id.rpartition('/')[2])}",
        "language:\n- en",
        f"tags:\n- code\n- software-engineering\n- swe-bench\n- curate-schema-{SCHEMA_VERSION}",
        f"size_categories:\n- {_size_category(total)}",
        "configs:",
    ]
    for name, default in (("default", True), (RAW_CONFIG, False)):
        found = [split.name for split in splits if (split.name != RAW_CONFIG) == default]
        files = [
            f"  - split: {'train' if split == RAW_CONFIG else split}\n"
            f"    path: data/{split}-*.parquet"
            for split in found
        ]
        if files:
            mark = ["  default: true"] if default else []
            lines += [f"- config_name: {name}", *mark, "  data_files:", *files]
    return "\n".join([*lines, "---", ""])


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "100K<n<1M")


def _render_introduction(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    made = f" by curate {data.curate_version}" if data.curate_version else " by curate"
    rows = [
        f"| {split.name} | {split.rows:,} | {split.size / 1e3:,.0f} kB "
        f"| {_describe_split(split.name, data)} |"
        for split in splits
    ]
    made_of = {split.name for split in splits}
    empty = [name for name in ("train", "lite", *data.subsets, RAW_CONFIG) if name not in made_of]
    rows += [f"| {name} | 0 | no file | {_describe_split(name, data)} |" for name in empty]
    return "\n".join(
        (
            f"# {data.repo_id.rpartition('/')[2]}\n",
            "Executable software-engineering tasks from merged pull requests of Python projects,",
            f"made{made}. Each task has a problem statement, a container image with the project",
            "at its base commit, tests that fail before and pass after the gold patch, and",
            "tests that must keep passing. Dependencies are locked as of the pull request's date;",
            "tests were run several times on both sides, each time in a fresh sandbox without",
            "network, and tests that were not stable are listed as quarantined.\n",
            "| split | rows | size | |",
            "|---|---:|---:|---|",
            *rows,
            f"\nSchema version: {SCHEMA_VERSION}.\n",
        )
    )


def _describe_split(name: str, data: CardData) -> str:
    known = {
        "train": "verified instances",
        "lite": f"of train: SWE-bench Lite's rules, {data.lite}",
        RAW_CONFIG: "every candidate, verified or not; a configuration of its own",
    }
    return known.get(name) or f"of train: `{data.subsets.get(name, '')}`"


def _render_excluded(data: CardData) -> str:
    if not data.excluded and not data.filters_about:
        return ""
    lines = ["## Held back\n", *([f"{data.filters_about}\n"] if data.filters_about else [])]
    if data.unverified:
        lines.append(f"Not checked against their source: {', '.join(data.unverified)}.\n")
    if not data.excluded:
        return "\n".join([*lines, "Nothing was held back.\n"])
    lines += ["| because | rows |", "|---|---:|"]
    ordered = sorted(data.excluded.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join([*lines, *(f"| {reason} | {count:,} |" for reason, count in ordered), ""])


def _render_licenses(licenses: Mapping[str, int]) -> str:
    if not licenses:
        return ""
    lines = [
        "## Licences\n",
        "Of each repository at the base commit, told from its own files; a row's patches and texts",
        "are under it.\n",
        "| licence | instances |",
        "|---|---:|",
    ]
    ordered = sorted(licenses.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(
        [*lines, *(f"| {name or 'unclear'} | {count:,} |" for name, count in ordered), ""]
    )


def _render_funnel(funnels: Sequence[RepositoryFunnel]) -> str:
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


def _render_loading(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    calls = [f'load_dataset("{data.repo_id}", {split.load})' for split in splits]
    code = "\n".join(["from datasets import load_dataset\n", *calls])
    return f"## Loading\n\n```python\n{code}\n```\n"


def _render_evaluation(data: CardData) -> str:
    return "\n".join(
        (
            "## Evaluating\n",
            "The rows carry all that SWE-bench's own harness needs (5.0 or newer):\n",
            "```bash",
            "pip install swebench",
            f"swebench eval {data.repo_id} --split train --gold -j 2",
            f"swebench eval {data.repo_id} --split train -p predictions.jsonl --run-id mine",
            "```\n",
            "Test ids are printed and listed as one word: blanks, backslashes and non-ASCII are",
            "percent-escaped, byte by UTF-8 byte. `fail_to_pass_node_ids` and",
            "`pass_to_pass_node_ids` hold them as pytest's node ids.\n",
        )
    )


def _columns_by_config(splits: tuple[DatasetSplit, ...]) -> dict[str, tuple[Column, ...]]:
    """Columns of each configuration."""
    return {RAW_CONFIG if s.name == RAW_CONFIG else "default": s.columns for s in splits}


def _render_columns(name: str, columns: tuple[Column, ...]) -> str:
    rows = [f"| {c.name} | {c.kind} | {c.source} | {c.meaning} |" for c in columns]
    head = [f"## Columns of `{name}`\n", "| column | type | from | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "\nTypes that end in ? may be null: not measured.\n"])
