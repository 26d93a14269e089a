"""A small store that is the same every day, with long names and long texts, to look at."""

from dataclasses import replace
from pathlib import Path

from curate.builders.model import Outcome
from curate.core.model import CrawlState, Rejection, Run
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation

LONG = "some-organization/with-a-long-repository-name"
_STATEMENT = """\
Widths of wide characters are wrong

When a cell holds characters that are two columns wide, as most Chinese and Japanese ones are, the \
border on the right is not where it should be. 表のセルに全角文字があると罫線がずれます。
"""


def fill_shown_store(folder: Path) -> None:
    """Make `data` in *folder*: a verified candidate, a flaky one, a pending one, rejected PRs."""
    with Store(folder / "data") as store:
        for repo in ("owner/name", LONG):
            pulls = [
                make_pull(n, repo=repo, title=f"Measure cells: part {n}") for n in range(6, 12)
            ]
            store.save_page(repo, pulls, CrawlState())
            for number, reason in ((9, "no-tests"), (10, "no-tests"), (11, "no-source-changes")):
                store.reject_pull(repo, number, Rejection(stage="crawl", reason=reason))
        for number in (6, 7, 8):
            store.save_candidate(make_candidate(number, problem_statement=_STATEMENT))
        log = store.blobs.put(
            b"collected 2 items\n\nt.py::a FAILED\n" + b"x" * 130 + b"\n1 failed\n"
        )
        runs = tuple(
            Run(
                side=side,
                index=index,
                status="completed",
                outcomes={"t.py::a": Outcome.FAILED, "t.py::b": Outcome.PASSED},
                seconds=1.5,
                log=log,
            )
            for index in range(2)
            for side in ("before", "after")
        )
        flaky = Rejection(stage="validate", reason="flaky-tests", detail="t.py::a passed in 1 of 2")
        store.save_validation("owner/name", replace(make_validation(7), runs=runs))
        store.save_validation("owner/name", replace(make_validation(8, flaky), runs=runs))
