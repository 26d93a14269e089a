"""What the texts of an instance give away of its answer: lines of the patch, commits, the pull.

Pure, from the candidate alone. `telling` says which lines of code can give anything away.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from curate.core.model import Candidate
from curate.core.names import canonical
from curate.patches.stats import Hunk, hunks, source_sections

_WORD = re.compile(rb"\w+")
_LEAST_WORDS, _LEAST_CHARACTERS = 3, 12
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
_PULL = re.compile(
    r"(?:github\.com/(?P<path>[\w.-]+/[\w.-]+)/(?:pull|issues)/|(?P<repo>[\w.-]+/[\w.-]+)?#)"
    r"(?P<number>\d{1,9})(?!\w)"
)
_QUOTE = re.compile(r"^\s*(?:[>+-]\s?)+", re.MULTILINE)

Kind = Literal[
    "gold-lines in problem_statement",
    "gold-lines in hints_text",
    "commit in problem_statement",
    "commit in hints_text",
    "pull in problem_statement",
    "pull in hints_text",
]
"""What a text of a row gives away of its answer."""


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What is given away, and how much of the gold patch the problem statement holds."""

    found: tuple[Kind, ...]
    share: float | None  # of the telling lines that the patch adds, 0 to 1; None = it adds none


def leaks(candidate: Candidate, commits: Collection[str] = ()) -> Leaks:
    """Everything that problem statement and hints give away of *candidate*'s answer.

    *commits* are further commits of the pull, besides its head and its merge.
    """
    lines = added_lines(candidate.patch)
    own = {*commits, candidate.head_commit, candidate.merge_commit or ""} - {""}
    statement, hints = candidate.problem_statement, candidate.hints_text
    held = _held(lines, statement)
    tests: dict[Kind, bool] = {
        "gold-lines in problem_statement": bool(held),
        "gold-lines in hints_text": bool(_held(lines, hints)),
        "commit in problem_statement": _names_commit(statement, own),
        "commit in hints_text": _names_commit(hints, own),
        "pull in problem_statement": _names_pull(statement, candidate),
        "pull in hints_text": _names_pull(hints, candidate),
    }
    found = tuple(kind for kind, given in tests.items() if given)
    return Leaks(found=found, share=len(held) / len(lines) if lines else None)


def may_name_commits(candidate: Candidate) -> bool:
    """Whether the texts hold anything like an object name, so that `leaks` needs the commits."""
    return any(map(_HASH.search, (candidate.problem_statement, candidate.hints_text)))


@lru_cache(maxsize=1 << 16)
def telling(line: bytes) -> bytes:
    """*line* with its blanks folded, empty where it says too little to give anything away.

    `pass`, `else:`, `import os`, `return None` and lone brackets say too little: fewer than three
    different words, or than twelve characters that are no blanks.
    """
    pieces = line.split()
    if sum(map(len, pieces)) < _LEAST_CHARACTERS:
        return b""
    text = b" ".join(pieces)
    return text if len(set(_WORD.findall(text))) >= _LEAST_WORDS else b""


def added_lines(patch: bytes) -> frozenset[bytes]:
    """Telling lines of source that *patch* adds and does not take away or show elsewhere."""
    added, shown = set[bytes](), set[bytes]()
    for part in source_sections(patch):
        for hunk in hunks(part):
            added.update(told(hunk, b"+"))
            shown.update(told(hunk, b" -"))
    return frozenset(added - shown)


def told(hunk: Hunk, marks: bytes) -> Iterator[bytes]:
    """Telling lines of *hunk* that begin with one of *marks*, in order."""
    yield from filter(None, (telling(line[1:]) for line in hunk if line[:1] and line[:1] in marks))


def _held(lines: Collection[bytes], text: str) -> set[bytes]:
    """Those of *lines* that *text* holds, however it breaks its own lines and quotes them."""
    folded = b" " + b" ".join(_QUOTE.sub("", text).encode("utf-8", "replace").split()) + b" "
    return {line for line in lines if line in folded and _whole(line, folded)}


def _whole(line: bytes, text: bytes) -> bool:
    """Whether *line* stands in *text* as words of its own, not as a part of longer ones."""
    return re.search(rb"(?<!\w)" + re.escape(line) + rb"(?!\w)", text) is not None


def _names_commit(text: str, commits: Collection[str]) -> bool:
    return any(oid.startswith(named) for named in _HASH.findall(text) for oid in commits)


def _names_pull(text: str, candidate: Candidate) -> bool:
    return any(
        int(named["number"]) == candidate.pull_number
        and canonical(named["path"] or named["repo"] or candidate.repo, candidate.repo)
        == candidate.repo
        for named in _PULL.finditer(text)
    )
