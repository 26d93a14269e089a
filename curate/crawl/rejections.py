"""Why a PR is no candidate: the reasons of this stage."""

from curate.core.model import Rejection

STAGE = "crawl"

MALFORMED_PULL = "malformed-pull"
MISSING_OBJECTS = "missing-objects"
EMPTY_PATCH = "empty-patch"
NO_TESTS = "no-tests"
NO_SOURCE = "no-source-changes"
NO_ISSUE = "no-issue"
ISSUE_IS_PR = "linked-issue-is-pr"
ISSUE_NOT_FOUND = "issue-not-found"
EMPTY_PROBLEM_STATEMENT = "empty-problem-statement"
REASONS = (
    MALFORMED_PULL,
    MISSING_OBJECTS,
    EMPTY_PATCH,
    NO_TESTS,
    NO_SOURCE,
    NO_ISSUE,
    ISSUE_IS_PR,
    ISSUE_NOT_FOUND,
    EMPTY_PROBLEM_STATEMENT,
)
"""All rejection reasons of this stage, in the order in which they are checked."""


def make_rejection(reason: str, detail: str = "") -> Rejection:
    """Return a rejection at this stage."""
    return Rejection(stage=STAGE, reason=reason, detail=detail)
