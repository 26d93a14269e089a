from datetime import timedelta
from typing import Any

import pytest

from curate.core.model import PullRequest
from curate.crawl.reverts import find_reverts
from tests.helpers.factories import DAY, make_pull

OID = "abcdef0123456789abcdef0123456789abcdef01"


def at(number: int, **changes: Any) -> PullRequest:
    return make_pull(number, **{"merged_at": DAY + timedelta(days=number)} | changes)


FIRST = at(3, title="Add a thing", merge_commit=OID)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "Reverts o/r#3"},
        {"body": "Reverts O/R#3."},
        {"body": "This reverts #3 as it broke"},
        {"body": "Reverts https://github.com/o/r/pull/3"},
        {"body": f"This reverts commit {OID}."},
        {"body": f"this reverts commit {OID[:8]}"},
        {"title": 'Revert "Add a thing"'},
        {"title": 'Revert "Add a thing (#3)" (#9)'},
        {"title": "Revert PR #3"},
        {"title": "revert pull request #3"},
    ],
)
def test_what_a_revert_says(changes: dict[str, str]) -> None:
    found = find_reverts([FIRST, at(9, **changes)], lambda oid: "")
    assert (found.reverted_by_pull, found.reverting_pulls) == ({9: (3,)}, {3: (9,)})


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "Reverts other/thing#3"},
        {"body": "Reverts #4"},
        {"body": "<!-- Reverts #3 -->"},
        {"body": "`Reverts #3`"},
        {"body": "See #3 for the revert"},
        {"body": "This reverts commit 1234567."},
        {"title": 'Revert "Add another thing"'},
        {"title": 'Do not revert "Add a thing"'},
        {"title": "Add a thing"},
    ],
)
def test_what_is_no_revert(changes: dict[str, str]) -> None:
    assert find_reverts([FIRST, at(9, **changes)], lambda oid: "").reverted_by_pull == {}


def test_a_merged_commit_can_say_it() -> None:
    says = {"f" * 40: f'Revert "X"\n\nThis reverts commit {OID}.'}
    found = find_reverts([FIRST, at(9, merge_commit="f" * 40)], lambda oid: says.get(oid, ""))
    assert found.reverted_by_pull == {9: (3,)}


def test_a_revert_of_a_revert_keeps_both_pairs() -> None:
    pulls = [
        FIRST,
        at(9, title='Revert "Add a thing"'),
        at(12, title='Revert "Revert "Add a thing""'),
    ]
    found = find_reverts(pulls, lambda oid: "")
    assert found.reverted_by_pull == {9: (3,), 12: (9,)}


def test_nothing_reverts_what_comes_later_or_itself() -> None:
    early = at(2, body="Reverts #3 and reverts #2")
    assert find_reverts([FIRST, early], lambda oid: "").reverted_by_pull == {}
