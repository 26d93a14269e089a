"""Rejections of the crawl: their reasons, and what becomes of a PR that a bug in curate meets."""

from collections.abc import Callable
from typing import TypeVar

from curate.core.errors import report_bug
from curate.core.model import PullRequest, Rejection

T = TypeVar("T")

STAGE = "crawl"

PULL_NOT_FOUND = "pull-not-found"
MALFORMED_PULL = "malformed-pull"
MISSING_OBJECTS = "missing-objects"
EMPTY_PATCH = "empty-patch"
NO_TESTS = "no-tests"
NO_SOURCE = "no-source-changes"
NO_ISSUE = "no-issue"
ISSUE_IS_PR = "linked-issue-is-pr"
ISSUE_NOT_FOUND = "issue-not-found"
EMPTY_PROBLEM_STATEMENT = "empty-problem-statement"
UNEXPECTED_ERROR = "unexpected-error"
REASONS = (
    PULL_NOT_FOUND,
    MALFORMED_PULL,
    MISSING_OBJECTS,
    EMPTY_PATCH,
    NO_TESTS,
    NO_SOURCE,
    NO_ISSUE,
    ISSUE_IS_PR,
    ISSUE_NOT_FOUND,
    EMPTY_PROBLEM_STATEMENT,
    UNEXPECTED_ERROR,
)
"""All rejection reasons of this stage, in the order in which they are checked."""


def make_rejection(reason: str, detail: str = "") -> Rejection:
    """Return a rejection at this stage."""
    return Rejection(stage=STAGE, reason=reason, detail=detail)


def decide_alone(pull: PullRequest, decide: Callable[[], T]) -> T | Rejection:
    """Return what *decide* returns; a bug in curate rejects this PR alone, until the next crawl."""
    try:
        return decide()
    except Exception as error:
        problem = report_bug(error, f"{pull.repo}#{pull.number}")
        return make_rejection(UNEXPECTED_ERROR, str(problem))
