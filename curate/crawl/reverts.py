"""Which merged PRs revert which others, according to their texts.

GitHub's revert button writes `Revert "title"` and `Reverts owner/name#12`; `git revert` writes
`This reverts commit 1234abc.`, with the subject of the reverted commit in the title.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from curate.core.model import PullRequest
from curate.core.names import normalize_repo_name
from curate.crawl.markup import strip_markup

_PULL = re.compile(
    r"\breverts?:?\s{1,9}(?:changes\s{1,9}(?:from|in)\s{1,9})?(?:pull\s{1,9}request\s{1,9}|PR\s{0,9})?"
    r"(?:https?://github\.com/)?(?P<repo>[\w.-]{1,100}/[\w.-]{1,100})?(?:\#|/pull/)(?P<number>\d{1,9})\b",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"^\W{0,9}revert(?:ed|ing|s)?:?\s{1,9}[\"“'`](?P<title>.+)[\"”'`]", re.IGNORECASE
)
_NUMBERED = re.compile(r"\s*\(#(\d{1,9})\)\s*$")
_COMMIT = re.compile(r"\breverts?\s{1,9}(?:commit\s{1,9})?(?P<oid>[0-9a-f]{7,40})\b", re.IGNORECASE)
_MIN_ABBREVIATION = 7  # digits of an abbreviated commit id


@dataclass(frozen=True, kw_only=True)
class Reverts:
    """Reverts in one repository, in both directions, by PR number.

    If a revert is itself reverted, the original change is in effect again; both pairs are kept.
    """

    reverted_by_pull: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    reverting_pulls: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def find_reverts(pulls: Iterable[PullRequest], message_of: Callable[[str], str]) -> Reverts:
    """Find reverts among the *pulls* of one repository.

    *message_of* returns a commit's message, "" if unknown. Only an earlier merge can be reverted. A
    title refers to the latest earlier PR with that title.
    """
    ordered = sorted(pulls, key=lambda pull: (pull.merged_at, pull.number))
    merged = _MergedPulls()
    reverted_by_pull: dict[int, tuple[int, ...]] = {}
    reverting_pulls: dict[int, list[int]] = defaultdict(list)
    for pull in ordered:
        found = sorted(set(_find_reverted(pull, message_of, merged)) - {pull.number})
        if found:
            reverted_by_pull[pull.number] = tuple(found)
        for number in found:
            reverting_pulls[number].append(pull.number)
        merged.add(pull)
    return Reverts(
        reverted_by_pull=reverted_by_pull,
        reverting_pulls={
            number: tuple(found_numbers) for number, found_numbers in reverting_pulls.items()
        },
    )


class _MergedPulls:
    """The PRs merged so far, by number, title and commit."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.titles: dict[str, int] = {}
        self._commits: dict[str, list[tuple[str, int]]] = defaultdict(list)

    def add(self, pull: PullRequest) -> None:
        self.numbers.add(pull.number)
        self.titles[pull.title.strip()] = pull.number
        for oid in {pull.merge_commit, pull.head_commit} - {None}:
            self._commits[str(oid)[:_MIN_ABBREVIATION]].append((str(oid), pull.number))

    def find_by_commit(self, abbreviated: str) -> Iterator[int]:
        for oid, number in self._commits.get(abbreviated[:_MIN_ABBREVIATION], ()):
            if oid.startswith(abbreviated):
                yield number


def _find_reverted(
    pull: PullRequest, message_of: Callable[[str], str], merged: _MergedPulls
) -> Iterator[int]:
    commits = [message_of(oid) for oid in (pull.merge_commit, pull.head_commit) if oid]
    texts = [pull.title, pull.body, *commits]
    if not any("revert" in text or "Revert" in text for text in texts):
        return
    texts[1] = strip_markup(pull.body, repo=pull.repo)
    for text in texts:
        for named in _PULL.finditer(text):
            own = normalize_repo_name(named["repo"] or pull.repo, pull.repo) == pull.repo
            if own and int(named["number"]) in merged.numbers:
                yield int(named["number"])
        for named in _COMMIT.finditer(text):
            yield from merged.find_by_commit(named["oid"].lower())
    titles = [pull.title, *(text.partition("\n")[0] for text in commits)]
    yield from (number for title in titles for number in _find_by_title(title, merged))


def _find_by_title(title: str, merged: _MergedPulls) -> Iterator[int]:
    quoted = _TITLE.match(_NUMBERED.sub("", title))
    if quoted is None:
        return
    inner = quoted["title"].strip()
    numbered = _NUMBERED.search(inner)
    if numbered and int(numbered[1]) in merged.numbers:
        yield int(numbered[1])
    elif (number := merged.titles.get(_NUMBERED.sub("", inner).strip())) is not None:
        yield number
