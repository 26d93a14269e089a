"""Which merged pulls take back which others, by what they say.

GitHub's own button writes `Revert "title"` and `Reverts owner/name#12`; git writes
`This reverts commit 1234abc.`, with the subject of what it reverts in the title.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from curate.core.model import PullRequest
from curate.core.names import canonical
from curate.crawl.issue_links import visible

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
_SHORTEST = 7  # digits of an abbreviated object name


@dataclass(frozen=True, kw_only=True)
class Reverts:
    """Both directions of one repository: pulls taken back by a pull, and pulls that take it back.

    A pull whose own reverter is taken back in turn is in force again; both pairs are kept.
    """

    of: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    by: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def find_reverts(pulls: Iterable[PullRequest], message_of: Callable[[str], str]) -> Reverts:
    """Pair the *pulls* of one repository; *message_of* gives a commit's message, "" if unknown.

    Only an earlier merge can be reverted. A title counts for the latest earlier pull that has it.
    """
    ordered = sorted(pulls, key=lambda pull: (pull.merged_at, pull.number))
    known = _Known()
    of: dict[int, tuple[int, ...]] = {}
    by: dict[int, list[int]] = defaultdict(list)
    for pull in ordered:
        found = sorted(set(_reverted(pull, message_of, known)) - {pull.number})
        if found:
            of[pull.number] = tuple(found)
        for number in found:
            by[number].append(pull.number)
        known.add(pull)
    return Reverts(of=of, by={number: tuple(them) for number, them in by.items()})


class _Known:
    """The pulls merged so far, by what a revert can call them."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.titles: dict[str, int] = {}
        self._commits: dict[str, list[tuple[str, int]]] = defaultdict(list)

    def add(self, pull: PullRequest) -> None:
        self.numbers.add(pull.number)
        self.titles[pull.title.strip()] = pull.number
        for oid in {pull.merge_oid, pull.head_oid} - {None}:
            self._commits[str(oid)[:_SHORTEST]].append((str(oid), pull.number))

    def commit(self, abbreviated: str) -> Iterator[int]:
        for oid, number in self._commits.get(abbreviated[:_SHORTEST], ()):
            if oid.startswith(abbreviated):
                yield number


def _reverted(pull: PullRequest, message_of: Callable[[str], str], known: _Known) -> Iterator[int]:
    commits = [message_of(oid) for oid in (pull.merge_oid, pull.head_oid) if oid]
    texts = [pull.title, pull.body, *commits]
    if not any("revert" in text or "Revert" in text for text in texts):
        return
    texts[1] = visible(pull.body)
    for text in texts:
        for named in _PULL.finditer(text):
            own = canonical(named["repo"] or pull.repo, pull.repo) == pull.repo
            if own and int(named["number"]) in known.numbers:
                yield int(named["number"])
        for named in _COMMIT.finditer(text):
            yield from known.commit(named["oid"].lower())
    titles = [pull.title, *(text.partition("\n")[0] for text in commits)]
    yield from (number for title in titles for number in _by_title(title, known))


def _by_title(title: str, known: _Known) -> Iterator[int]:
    quoted = _TITLE.match(_NUMBERED.sub("", title))
    if quoted is None:
        return
    inner = quoted["title"].strip()
    numbered = _NUMBERED.search(inner)
    if numbered and int(numbered[1]) in known.numbers:
        yield int(numbered[1])
    elif (number := known.titles.get(_NUMBERED.sub("", inner).strip())) is not None:
        yield number
