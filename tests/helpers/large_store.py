"""A store of the size that a user has: made candidates of several repositories, some validated."""

from datetime import timedelta
from itertools import islice
from pathlib import Path

from curate.core.model import Candidate, CrawlState, Decision, Rejection, Validation, Verdict
from curate.store import Store
from tests.helpers.factories import MOMENT, make_candidate, make_pull, make_validation

REPOSITORIES = tuple(f"lab-{number}/project-{number}" for number in range(11))
REASONS = ("flaky-tests", "no-fail-to-pass", "pass-to-fail")


def fill_store(folder: Path, *, candidates: int, verified: int, rejected: int = 0) -> None:
    """Write *candidates* into a new store, *verified* and *rejected* of them validated."""
    with Store(folder) as store:
        share = -(-candidates // len(REPOSITORIES))
        made = 0
        for repo in REPOSITORIES:
            numbers = range(1, min(share, candidates - made) + 1)
            made += len(numbers)
            store.save_page(
                repo,
                [make_pull(number, repo=repo) for number in numbers],
                CrawlState(is_complete=True),
            )
            store.save_decisions(
                repo, [Decision(number=n, outcome=_candidate(repo, n)) for n in numbers]
            )
        chosen = islice(store.iter_candidates(), verified + rejected)
        for index, one in enumerate(list(chosen)):
            store.save_validation(one.repo, _validation(one, index if index >= verified else None))


def _candidate(repo: str, number: int) -> Candidate:
    return make_candidate(
        instance_id=f"{repo.replace('/', '__')}-{number}",
        repo=repo,
        pull_number=number,
        created_at=MOMENT + timedelta(hours=number),
        patch=make_candidate().patch.replace(b"+2", f"+{repo} {number * 7919}".encode()),
        problem_statement=f"Case {number} of {repo} is wrong.\n" + "It breaks very badly. " * 20,
    )


def _validation(one: Candidate, fallen: int | None) -> Validation:
    if fallen is None:
        return make_validation(instance_id=one.instance_id)
    why = Rejection(stage="validate", reason=REASONS[fallen % len(REASONS)])
    verdict = Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why)
    return make_validation(instance_id=one.instance_id, verdict=verdict)
