"""SWE-Gym's Table 2 and Figure 2 for our own rows: pure, from published columns alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from curate.publish.data_files import read_data
from curate.releases.row import Row, optional_number, strings, text

MEASURES: Mapping[str, str] = {
    "instances": "instances",
    "repositories": "repositories",
    "words": "issue text: words",
    "base_files": "code base: files, no tests",
    "base_lines": "code base: lines, no tests",
    "lines_edited": "gold patch: lines edited",
    "files_edited": "gold patch: files edited",
    "functions_edited": "gold patch: functions edited",
    "fail_to_pass": "FAIL_TO_PASS",
    "tests": "tests in all",
}


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What the paper says of one of its data sets; `checked` measures were seen in a source."""

    means: Mapping[str, float]
    checked: frozenset[str]


def measures(rows: Sequence[Row]) -> dict[str, float | None]:
    """Counts and means of *rows* by the keys of `MEASURES`; None where nothing was measured."""
    return {
        "instances": len(rows),
        "repositories": len({text(row, "repo") for row in rows}),
        "words": _mean([len(text(row, "problem_statement").split()) for row in rows]),
        **{
            name: _mean([optional_number(row, name) for row in rows])
            for name in (
                "base_files", "base_lines", "lines_edited", "files_edited", "functions_edited"
            )
        },
        "fail_to_pass": _mean([len(strings(row, "FAIL_TO_PASS")) for row in rows]),
        "tests": _mean(
            [len(strings(row, "FAIL_TO_PASS")) + len(strings(row, "PASS_TO_PASS")) for row in rows]
        ),
    }  # fmt: skip


def shares(rows: Sequence[Row]) -> dict[str, int]:
    """Rows by repository, most first."""
    counts = Counter(text(row, "repo") for row in rows)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def paper(name: str) -> Paper:
    """The paper's figures of "swe-gym" or "swe-gym-lite"."""
    read = read_data("paper", ("paper",))[name]
    means = {key: float(value) for key, value in read.items() if key != "checked"}
    return Paper(means=means, checked=frozenset(read["checked"]))


def paper_shares() -> dict[str, int]:
    """Instances by repository in the paper's Figure 2."""
    return {repo: int(count) for repo, count in read_data("paper", ("paper",))["shares"].items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
