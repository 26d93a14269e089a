"""What the sample expects to be published, held against the filters of a release."""

import difflib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from curate.builders.model import Outcome
from curate.core.model import Run, Verdict
from curate.publish.filters.config import read_filters
from curate.publish.measures.benchmark_overlap import load_benchmark
from curate.publish.rows import CodebaseFacts
from tests.demo.sample import VERIFIED, SamplePull, load
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.releases import IMAGE, apply_filters, train_row

SAMPLE = load()
ISSUES = {issue.number: f"{issue.title}\n{issue.body}" for issue in SAMPLE.issues}
LINKED_IN_TEXT = {6: (5,)}  # by a keyword in a commit message


def files(pull: SamplePull) -> dict[str, str]:
    return {
        path.relative_to(pull.after).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(pull.after.rglob("*.py"))
    }


def patches() -> Iterator[tuple[SamplePull, bytes]]:
    """Each pull with what it does to the source, in the order of merging."""
    tree = {
        path.relative_to(SAMPLE.base).as_posix(): path.read_text(encoding="utf-8")
        for path in SAMPLE.base.rglob("*.py")
    }
    for pull in SAMPLE.pulls:
        lines: list[str] = []
        for name, new in files(pull).items():
            if name.startswith("src/"):
                old = tree.get(name, "").splitlines(keepends=True)
                lines.append(f"diff --git a/{name} b/{name}\n")
                lines += difflib.unified_diff(
                    old, new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
                )
        tree |= files(pull)
        yield pull, "".join(lines).encode()


def after_run(pull: SamplePull, index: int) -> Run:
    """A run with the gold patch; every second one has the files in the other order."""
    flaky = Outcome.FAILED if index % 2 else Outcome.PASSED
    return Run(
        side="after",
        index=index,
        status="completed",
        outcomes=dict.fromkeys(pull.fail_to_pass, Outcome.PASSED)
        | dict.fromkeys(pull.flaky, flaky),
    )


def row(pull: SamplePull, patch: bytes) -> dict[str, Any]:
    repo = SAMPLE.name.replace("/", "__")
    issues = pull.github_links or LINKED_IN_TEXT[pull.number]
    one = make_candidate(
        pull.number,
        instance_id=f"{repo}-{pull.number}",
        repo=SAMPLE.name,
        patch=patch,
        problem_statement="\n".join(ISSUES[number] for number in issues),
        created_at=pull.created,
    )
    record = make_validation(
        instance_id=one.instance_id,
        runs=tuple(after_run(pull, index) for index in range(3)),
        verdict=Verdict(fail_to_pass=pull.fail_to_pass, pass_to_pass=(), flaky_tests=pull.flaky),
    )
    return train_row(one, record, IMAGE, CodebaseFacts(license="MIT"))


def held_back(pulls: list[tuple[SamplePull, bytes]]) -> set[str]:
    rules = read_filters("default")
    lists = [load_benchmark(name) for name in rules.contamination.lists]
    return {
        why[0].reason
        for why in apply_filters([row(*each) for each in pulls], rules, lists)[1].values()
    }


def test_a_release_holds_nothing_of_the_sample_back() -> None:
    expected = [(pull, patch) for pull, patch in patches() if pull.expected == VERIFIED]
    assert len(expected) >= 8
    assert held_back(expected) == set()


def test_one_more_flaky_test_would_be_too_many() -> None:
    flaky = [(pull, patch) for pull, patch in patches() if pull.expected == VERIFIED and pull.flaky]
    more = [(replace(pull, flaky=(*pull.flaky, "tests/x.py::test_x")), p) for pull, p in flaky]
    assert held_back(more) == {"flaky-tests"}
