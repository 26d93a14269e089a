"""SWE-Gym's Table 2 and Figure 2 for our own rows, from published columns alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, kw_only=True)
class PaperStatistics:
    """Means of one dataset in the paper; `verified_measures` were checked against a source."""

    means: Mapping[str, float]
    verified_measures: frozenset[str]


def compute_means(rows: Sequence[Row]) -> dict[str, float | None]:
    """Return counts and means of *rows* by the keys of `MEASURES`; None if not measured."""
    return {
        "instances": len(rows),
        "repositories": len({get_str(row, "repo") for row in rows}),
        "words": _mean_of_known([len(get_str(row, "problem_statement").split()) for row in rows]),
        **{
            name: _mean_of_known([get_optional_number(row, name) for row in rows])
            for name in (
                "codebase_files", "codebase_lines",
                "lines_edited", "files_edited", "functions_edited",
            )
        },
        "fail_to_pass": _mean_of_known([len(get_list(row, "FAIL_TO_PASS")) for row in rows]),
        "tests": _mean_of_known(
            [
                len(get_list(row, "FAIL_TO_PASS")) + len(get_list(row, "PASS_TO_PASS"))
                for row in rows
            ]
        ),
    }  # fmt: skip


def counts_by_repo(rows: Sequence[Row]) -> dict[str, int]:
    """Count rows by repository, most frequent first."""
    counts = Counter(get_str(row, "repo") for row in rows)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


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


def _mean_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
