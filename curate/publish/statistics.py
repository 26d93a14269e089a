"""SWE-Gym's Table 2 and Figure 2 for our own rows, from published columns alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from curate.publish.data_files import read_toml_data
from curate.releases.row import Row, get_list, get_optional_number, get_str

MEASURES: Mapping[str, str] = {
    "instances": "instances",
    "repositories": "repositories",
    "words": "issue text: words",
    "codebase_files": "code base: files, no tests",
    "codebase_lines": "code base: lines, no tests",
    "lines_edited": "gold patch: lines edited",
    "files_edited": "gold patch: files edited",
    "functions_edited": "gold patch: functions edited",
    "fail_to_pass": "FAIL_TO_PASS",
    "tests": "tests in all",
}


_MEASURED_COLUMNS = (
    "codebase_files",
    "codebase_lines",
    "lines_edited",
    "files_edited",
    "functions_edited",
)


@dataclass(frozen=True, kw_only=True)
class PaperStatistics:
    """Means of one dataset in the paper; `verified_measures` were checked against a source."""

    means: Mapping[str, float]
    verified_measures: frozenset[str]


def measure_row(row: Row) -> dict[str, float | None]:
    """Return the measures of one row by the keys of `MEASURES`; None if not measured."""
    fail_to_pass = len(get_list(row, "FAIL_TO_PASS"))
    return {
        "words": len(get_str(row, "problem_statement").split()),
        "fail_to_pass": fail_to_pass,
        "tests": fail_to_pass + len(get_list(row, "PASS_TO_PASS")),
        **{name: get_optional_number(row, name) for name in _MEASURED_COLUMNS},
    }


@dataclass(frozen=True, kw_only=True)
class PaperCosts:
    """What the paper says that its dataset cost."""

    instances: int
    core_hours: float
    image_bytes_each: int  # mean
    image_bytes_total: int
    source: str  # a sentence


class MeasuredRows:
    """Measures of rows, which are added one by one; the rows themselves are not kept."""

    def __init__(self) -> None:
        self._repos: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {name: [] for name in MEASURES}

    def add(self, row: Row) -> None:
        """Measure one more row."""
        self.add_measured(get_str(row, "repo"), measure_row(row))

    def add_measured(self, repo: str, measured: Mapping[str, float | None]) -> None:
        """Add one more row, of which `measure_row` returned *measured*."""
        self._repos[repo] += 1
        for name, value in measured.items():
            if value is not None:
                self._values[name].append(value)

    def compute_means(self) -> dict[str, float | None]:
        """Return counts and means by the keys of `MEASURES`; None if not measured."""
        means = {name: fmean(known) if known else None for name, known in self._values.items()}
        return means | {"instances": self._repos.total(), "repositories": len(self._repos)}

    def counts_by_repo(self) -> dict[str, int]:
        """Count rows by repository, most frequent first."""
        return dict(sorted(self._repos.items(), key=lambda item: (-item[1], item[0])))


def load_paper_statistics(name: str) -> PaperStatistics:
    """Return the paper's statistics of "swe-gym" or "swe-gym-lite"."""
    table = read_toml_data("paper", ("paper",))[name]
    means = {key: float(value) for key, value in table.items() if key != "checked"}
    return PaperStatistics(means=means, verified_measures=frozenset(table["checked"]))


def load_paper_counts() -> dict[str, int]:
    """Return the instances by repository in the paper's Figure 2."""
    return {
        repo: int(count) for repo, count in read_toml_data("paper", ("paper",))["shares"].items()
    }


def load_paper_costs() -> PaperCosts:
    """Return what the paper says of costs."""
    return PaperCosts(**read_toml_data("paper", ("paper",))["costs"])
