"""A store of the size that a user has: made candidates of several repositories, some validated."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from curate.builders.model import Outcome
from curate.core.model import (
    Candidate,
    CrawlState,
    Decision,
    IssueLink,
    Rejection,
    Run,
    Validation,
    Verdict,
)
from curate.publish.eval_results import compute_check_key
from curate.publish.rows import make_train_row
from curate.store import Store
from tests.helpers.factories import MOMENT, make_candidate, make_pull, make_validation

REPOSITORIES = tuple(f"lab-{number}/project-{number}" for number in range(11))
REASONS = ("flaky-tests", "no-fail-to-pass", "pass-to-fail")
CHUNK = 400
_VERBS = ("read", "load", "make", "find", "list", "drop", "sort", "join", "send", "parse", "merge")
_NOUNS = ("array", "block", "chunk", "index", "frame", "graph", "query", "token", "table", "model")
_NAMES = [f"{verb}_{noun}" for verb in _VERBS for noun in _NOUNS]
_PROSE = ("the", "it", "when", "with", "fails", "raises", "returns", "expected", "wrong", "after")
_WORDS = (*_NAMES, *_PROSE)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much text and how many tests each candidate has, on average."""

    statement_words: int = 20
    patch_lines: int = 1
    tests: int = 2
    lock_lines: int = 1


REALISTIC = Sizes(statement_words=500, patch_lines=100, tests=1000, lock_lines=100)


def fill_store(
    folder: Path, *, candidates: int, verified: int, rejected: int = 0, sizes: Sizes = Sizes()
) -> None:
    """Write *candidates* into a new store, *verified* and *rejected* of them validated.

    The same arguments make the same store. It knows that clients grade all as validated.
    """
    with Store(folder) as store:
        validated = 0
        for repo, numbers in _numbers_by_repo(candidates):
            pulls = [make_pull(number, repo=repo) for number in numbers]
            store.save_page(repo, pulls, CrawlState(is_complete=True))
            for start in range(0, len(numbers), CHUNK):
                made = [_candidate(repo, n, sizes) for n in numbers[start : start + CHUNK]]
                store.save_decisions(
                    repo, [Decision(number=it.pull_number, outcome=it) for it in made]
                )
                for one in made[: verified + rejected - validated]:
                    fallen = validated - verified
                    validation = _validation(one, fallen, sizes)
                    store.save_validation(repo, validation)
                    if isinstance(row := make_train_row(one, validation), dict):
                        store.eval_checks.save(compute_check_key(row), "")
                    validated += 1


def _numbers_by_repo(candidates: int) -> Iterator[tuple[str, range]]:
    share, made = -(-candidates // len(REPOSITORIES)), 0
    for repo in REPOSITORIES:
        numbers = range(1, min(share, candidates - made) + 1)
        made += len(numbers)
        yield repo, numbers


def _candidate(repo: str, number: int, sizes: Sizes) -> Candidate:
    drawn = random.Random(f"{repo} {number}")
    words = drawn.choices(_WORDS, k=drawn.randint(sizes.statement_words, 3 * sizes.statement_words))
    statement = f"Case {number} of {repo} is wrong.\n" + " ".join(words[::2])
    return make_candidate(
        instance_id=f"{repo.replace('/', '__')}-{number}",
        repo=repo,
        pull_number=number,
        created_at=MOMENT + timedelta(hours=number),
        patch=_patch("src/part.py", drawn, sizes.patch_lines),
        test_patch=_patch("tests/test_part.py", drawn, sizes.patch_lines),
        problem_statement=statement,
        hints_text=" ".join(words[1::2]),
        issue_links=(IssueLink(repo=repo, number=100_000 + number, sources=("body",)),),
    )


def _patch(path: str, drawn: random.Random, lines: int) -> bytes:
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    hunks = []
    for start in range(1, lines + 1, 10):
        added = [f"+    {_code(drawn)}\n" for _ in range(start, min(start + 10, lines + 1))]
        context = f" {_code(drawn)}\n"
        hunks.append(
            f"@@ -{start * 9},2 +{start * 10},{len(added) + 1} @@\n{context}-    {_code(drawn)}\n"
            + "".join(added)
        )
    return (head + "".join(hunks)).encode()


def _code(drawn: random.Random) -> str:
    one, two, three = drawn.choices(_NAMES, k=3)
    return f"{one} = {two}({three}, {drawn.randint(0, 99_999)})"


def _validation(one: Candidate, fallen: int, sizes: Sizes) -> Validation:
    """A verified one; one rejected if *fallen* is not negative."""
    plain = make_validation(instance_id=one.instance_id)
    drawn = random.Random(one.instance_id)
    ids = [
        f"tests/test_part.py::Test{drawn.choice(_NAMES)}::test_{drawn.choice(_NAMES)}[{n}-x y]"
        for n in range(drawn.randint(sizes.tests // 4 + 1, 2 * sizes.tests))
    ]
    fixed, kept = tuple(sorted(ids[:2])), tuple(sorted(ids[2:]))
    before = dict.fromkeys(fixed, Outcome.FAILED) | dict.fromkeys(kept, Outcome.PASSED)
    runs = tuple(
        Run(
            side=side,
            index=index,
            status="completed",
            outcomes=before if side == "before" else dict.fromkeys(ids, Outcome.PASSED),
            cpu_seconds=3.5,
        )
        for side in ("before", "after")
        for index in range(3)
    )
    why = None if fallen < 0 else Rejection(stage="validate", reason=REASONS[fallen % len(REASONS)])
    verdict = Verdict(
        fail_to_pass=() if why else fixed,
        pass_to_pass=() if why else kept,
        pre_fix_outcomes={} if why else dict.fromkeys(fixed, Outcome.FAILED),
        rejection=why,
    )
    lock = "".join(f"package-{n}=={drawn.randint(0, 9)}.{n}\n" for n in range(sizes.lock_lines))
    assert plain.environment is not None
    environment = replace(
        plain.environment, lock=lock, handle=f"curate/instance:{one.instance_id}",
        digest=f"sha256:{hashlib.sha256(one.instance_id.encode()).hexdigest()}",
        dockerfiles={"base": "FROM debian\n" * 20, "instance": "FROM base\nRUN true\n" * 20},
    )  # fmt: skip
    return replace(plain, runs=runs, verdict=verdict, environment=environment)
