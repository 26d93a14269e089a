"""The card of a published dataset: `templates/card.md.jinja`, filled with counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.builders.templates import render_template
from curate.publish import swebench_strings
from curate.publish.statistics import MEASURES, PaperStatistics
from curate.releases.columns import SCHEMA_VERSION, Column
from curate.store.funnel import RepositoryFunnel

RAW_CONFIG = "raw"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_BAR = 30  # characters of the longest bar


@dataclass(frozen=True, kw_only=True)
class DatasetSplit:
    """A split of the dataset."""

    name: str  # "raw" is a configuration of its own, all others are splits of the default one
    columns: tuple[Column, ...]
    rows: int
    size: int  # bytes of its Parquet files

    @property
    def load(self) -> str:
        """Arguments of `load_dataset` after the name of the dataset."""
        return '"raw", split="train"' if self.name == RAW_CONFIG else f'split="{self.name}"'


@dataclass(frozen=True, kw_only=True)
class DatasetStatistics:
    """Means by split and rows by repository, ours and the paper's."""

    own_means: Mapping[str, Mapping[str, float | None]]  # split -> measure -> value
    paper_means: Mapping[str, PaperStatistics]  # name -> means
    counts_by_repo: Mapping[str, int]
    paper_counts_by_repo: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class CardData:
    """What a card says besides the rows themselves."""

    repo_id: str  # "owner/name" on the Hub; "" = a directory alone
    name: str = ""  # of the directory
    license: str = "other"  # identifier the Hub knows
    curate_version: str = ""
    funnels: Sequence[RepositoryFunnel] = field(default_factory=tuple)
    excluded: Mapping[str, int] = field(default_factory=dict)  # excluded rows by reason
    filters_about: str = ""  # what the filters exclude, one sentence
    unverified: Sequence[str] = ()  # filters whose source could not be checked
    lite: str = "coded"  # which criteria of SWE-bench Lite made the split
    subsets: Mapping[str, str] = field(default_factory=dict)  # conditions of users' splits, by name
    licenses: Mapping[str, int] = field(default_factory=dict)  # rows of train, by SPDX expression
    certified: Mapping[int, int] = field(default_factory=dict)  # rows of train, by passes of gold
    last_certified_at: str = ""
    statistics: DatasetStatistics | None = None

    @property
    def title(self) -> str:
        """Name of the dataset without its owner."""
        return self.repo_id.rpartition("/")[2] or self.name


def render_card(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    """README.md of a dataset; the same data give the same text."""
    present = {split.name for split in splits}
    names = ("train", "lite", *data.subsets, RAW_CONFIG)
    values = {
        "data": data,
        "splits": splits,
        "metadata": _render_metadata(data, splits),
        "name": data.title,
        "evaluated": data.repo_id or f"path/to/{data.title}/data/train-00000-of-00001.parquet",
        "schema_version": SCHEMA_VERSION,
        "empty": [name for name in names if name not in present],
        "abouts": {name: _describe_split(name, data) for name in {*names, *present}},
        "rejections": _by_count(sum((Counter(it.rejected) for it in data.funnels), Counter())),
        "measures": MEASURES,
        "shares": _repository_shares(data.statistics) if data.statistics else (),
        "columns_by_config": {
            RAW_CONFIG if split.name == RAW_CONFIG else "default": split.columns for split in splits
        },
    }
    return render_template(
        __package__,
        "card.md.jinja",
        values,
        count="{:,}".format,
        by_count=_by_count,
        mean=_format_mean,
    )


def _render_metadata(data: CardData, splits: tuple[DatasetSplit, ...]) -> str:
    """The YAML head, which the Hub reads."""
    from huggingface_hub import DatasetCardData

    default = [split.name for split in splits if split.name != RAW_CONFIG]
    raw = [split.name for split in splits if split.name == RAW_CONFIG]
    configs: list[dict[str, Any]] = [
        {"config_name": "default", "default": True, "data_files": _list_files("data", default)},
        {
            "config_name": swebench_strings.CONFIG,
            "data_files": _list_files(swebench_strings.FOLDER, default),
        },
        {"config_name": RAW_CONFIG, "data_files": _list_files("data", raw)},
    ]
    return str(
        DatasetCardData(
            license=data.license,
            pretty_name=data.title,
            language=["en"],
            tags=["code", "software-engineering", "swe-bench", f"curate-schema-{SCHEMA_VERSION}"],
            size_categories=[_size_category(max((it.rows for it in splits), default=0))],
            configs=[config for config in configs if config["data_files"]],
        ).to_yaml()
        + "\n"
    )


def _list_files(folder: str, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the splits of a configuration and where their files are."""
    return [
        {"split": "train" if name == RAW_CONFIG else name, "path": f"{folder}/{name}-*.parquet"}
        for name in names
    ]


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "100K<n<1M")


def _describe_split(name: str, data: CardData) -> str:
    known = {
        "train": "verified instances",
        "lite": f"rows of train that meet SWE-bench Lite's criteria, as {data.lite}",
        RAW_CONFIG: "every candidate, verified or not; a configuration of its own",
    }
    condition = data.subsets.get(name, "").replace("|", "\\|")  # it stands in a table
    return known.get(name) or f"rows of train where `{condition}`"


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _repository_shares(statistics: DatasetStatistics) -> list[dict[str, object]]:
    """Rows of the table that stands for the figure: a bar for each repository."""
    counts, paper = statistics.counts_by_repo, statistics.paper_counts_by_repo
    total, paper_total = sum(counts.values()) or 1, sum(paper.values()) or 1
    most = max(counts.values(), default=1)
    return [
        {
            "repo": repo,
            "rows": count,
            "share": f"{count / total:.1%}",
            "bar": "█" * max(1, round(_BAR * count / most)),
            "paper_share": f"{paper.get(repo, 0) / paper_total:.1%}",
        }
        for repo, count in counts.items()
    ]


def _format_mean(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
