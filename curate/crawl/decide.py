"""Deciding over stored pulls: candidates and rejections, a chunk at a time.

A decision is made once for what it rests on: the pull, the rules, what the mirror has of it and
which pulls revert it. When any of these changes it is made again; else a second run does nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from curate.core.model import Candidate, Decision, PullRequest, Rejection
from curate.crawl.candidates import (
    MISSING_OBJECTS,
    Answers,
    Ground,
    Survey,
    extracted,
    is_short,
    relinked,
    surveyed,
)
from curate.crawl.reverts import find_reverts
from curate.git.mirror import Mirror
from curate.git.versions import VersionNames
from curate.patches.file_kinds import PathRules
from curate.store.store import Store

CHUNK = 400  # pulls decided between two requests for issues, and saved together
RULES = 3  # raise it when the same inputs are decided otherwise than before
_OBJECT = re.compile(r"\b[0-9a-f]{40,64}\b")

Ask = Callable[[Sequence[Survey]], Answers]
"""Gets every issue that the surveyed pulls link to, or why it is missing."""

Complete = Callable[[Sequence[PullRequest], bool], Sequence[PullRequest]]
"""Gets all references that GitHub lists of pulls, and if asked their commits' messages."""

Surveyed = tuple[PullRequest, Survey | Rejection]


def extract(  # noqa: PLR0913
    repo: str,
    *,
    store: Store,
    mirror: Mirror,
    rules: PathRules,
    version_of: VersionNames,
    ask: Ask,
    complete: Complete = lambda pulls, commits: pulls,
    since: datetime | None = None,
    refresh: Callable[[], None] | None = None,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Counter[str]:
    """Decide what is undecided; counts by reason, candidates under "".

    *since* leaves out what was merged earlier. *refresh* updates the mirror; it is called once
    if heads of undecided pulls are missing there. Killed at any moment, it loses one chunk.
    """
    pulls = list(store.pulls(repo))
    if refresh and _heads_are_missing(pulls, store.grounds(repo), mirror):
        refresh()
        mirror.close()
    reverts = find_reverts(pulls, mirror.history.message)
    this = Ground(mirror=mirror, rules=rules, version_of=version_of, reverts=reverts)
    grounds = {pull.number: _ground(pull, this) for pull in pulls}
    decided = _still_valid(repo, store, grounds, mirror)
    todo = [
        pull
        for pull in pulls
        if pull.number not in decided and (since is None or pull.merged_at >= since)
    ]
    results: Counter[str] = Counter()
    outcomes = zip(todo, surveyed(todo, this), strict=True)
    while chunk := list(islice(outcomes, CHUNK)):
        made = _decisions(_completed(chunk, this, complete), this, ask, grounds)
        store.save_decisions(repo, _counted(made, results, progress, len(todo)))
    return results


def _completed(chunk: Sequence[Surveyed], this: Ground, complete: Complete) -> list[Surveyed]:
    """*chunk* with the claims that only GitHub knows, of pulls that touch the right files."""
    history = this.mirror.history
    short = {
        pull.number: result
        for pull, result in chunk
        if isinstance(result, Survey) and is_short(pull, history)
    }
    unread = [it.pull for it in short.values() if it.pull.head_oid not in history]
    long = [it.pull for it in short.values() if it.pull.head_oid in history]
    full = [*complete(unread, True), *complete(long, False)]
    renewed = {pull.number: relinked(short[pull.number], pull, history) for pull in full}
    return [(pull, renewed.get(pull.number, result)) for pull, result in chunk]


def _decisions(
    chunk: Sequence[Surveyed],
    this: Ground,
    ask: Ask,
    grounds: Mapping[int, str],
) -> Iterator[Decision]:
    """Decisions over *chunk*; issues are asked for of those that survived the survey."""
    found = [survey for _, survey in chunk if isinstance(survey, Survey)]
    candidates = extracted(found, this, ask(found))
    for pull, result in chunk:
        outcome = next(candidates) if isinstance(result, Survey) else result
        yield Decision(number=pull.number, outcome=outcome, ground=grounds[pull.number])


def _counted(
    decisions: Iterator[Decision],
    results: Counter[str],
    progress: Callable[[str, int, int], None],
    total: int,
) -> Iterator[Decision]:
    for decision in decisions:
        outcome = decision.outcome
        results["" if isinstance(outcome, Candidate) else outcome.reason] += 1
        progress("candidates", results[""], total)
        progress("decisions", results.total(), total)
        yield decision


def _ground(pull: PullRequest, this: Ground) -> str:
    """Hash of what decides over *pull* besides its own content."""
    history, number = this.mirror.history, pull.number
    about = (
        RULES,
        tuple(this.rules.tests),
        tuple(this.rules.sources),
        this.version_of.rule,
        [oid in history for oid in (pull.base_oid, pull.head_oid, pull.merge_oid)],
        this.reverts.of.get(number),
        this.reverts.by.get(number),
    )
    return hashlib.sha256(repr(about).encode()).hexdigest()[:16]


def _still_valid(
    repo: str, store: Store, grounds: Mapping[int, str], mirror: Mirror
) -> frozenset[int]:
    """Pulls whose decision rests on what is still so; missing objects must still be missing."""
    same = {number for number, it in store.grounds(repo).items() if grounds.get(number) == it}
    lost = store.rejections(repo, MISSING_OBJECTS)
    return frozenset(same - {n for n, why in lost.items() if _found_again(why, mirror)})


def _found_again(why: Rejection, mirror: Mirror) -> bool:
    """Whether the mirror has what *why* names as missing; also where it names nothing."""
    named = _OBJECT.findall(why.detail)
    return not named or any(mirror.objects.names(named))


def _heads_are_missing(
    pulls: Sequence[PullRequest], decided: Mapping[int, str], mirror: Mirror
) -> bool:
    return any(it.number not in decided and it.head_oid not in mirror.history for it in pulls)
