"""What the texts of an instance give away of its answer: lines of the patch, commits, the pull.

Pure, from the candidate alone. `distinctive_line` says which lines of code can give anything away.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from curate.core.model import Candidate
from curate.core.names import normalize_repo_name
from curate.patches.stats import HunkLines, iter_hunks, source_file_patches

_WORD = re.compile(rb"\w+")
_MIN_WORDS, _MIN_CHARACTERS = 3, 12
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
_PULL = re.compile(
    r"(?:github\.com/(?P<path>[\w.-]+/[\w.-]+)/(?:pull|issues)/|(?P<repo>[\w.-]+/[\w.-]+)?#)"
    r"(?P<number>\d{1,9})(?!\w)"
)
_QUOTE = re.compile(r"^\s*(?:[>+-]\s?)+", re.MULTILINE)

LeakKind = Literal[
    "gold-lines in problem_statement",
    "gold-lines in hints_text",
    "commit in problem_statement",
    "commit in hints_text",
    "pull in problem_statement",
    "pull in hints_text",
]
"""What a text of a row gives away of its answer."""


@dataclass(frozen=True, kw_only=True)
class SolutionLeaks:
    """What is given away, and how much of the gold patch the problem statement holds."""

    kinds: tuple[LeakKind, ...]
    leaked_fraction: (
        float | None
    )  # of the telling lines that the patch adds, 0 to 1; None = it adds none


def find_leaks(candidate: Candidate, commits: Collection[str] = ()) -> SolutionLeaks:
    """Everything that problem statement and hints give away of *candidate*'s answer.

    *commits* are further commits of the pull, besides its head and its merge.
    """
    lines = added_distinctive_lines(candidate.patch)
    commit_ids = {*commits, candidate.head_commit, candidate.merge_commit or ""} - {""}
    statement, hints = candidate.problem_statement, candidate.hints_text
    leaked_lines = _find_lines(lines, statement)
    checks: dict[LeakKind, bool] = {
        "gold-lines in problem_statement": bool(leaked_lines),
        "gold-lines in hints_text": bool(_find_lines(lines, hints)),
        "commit in problem_statement": _mentions_commit(statement, commit_ids),
        "commit in hints_text": _mentions_commit(hints, commit_ids),
        "pull in problem_statement": _mentions_pull(statement, candidate),
        "pull in hints_text": _mentions_pull(hints, candidate),
    }
    found = tuple(kind for kind, given in checks.items() if given)
    return SolutionLeaks(
        kinds=found, leaked_fraction=len(leaked_lines) / len(lines) if lines else None
    )


def may_name_commits(candidate: Candidate) -> bool:
    """Whether the texts hold anything like an object name, so that `find_leaks` needs the
    commits."""
    return any(map(_HASH.search, (candidate.problem_statement, candidate.hints_text)))


@lru_cache(maxsize=1 << 16)
def distinctive_line(line: bytes) -> bytes:
    """*line* with its blanks folded, empty where it says too little to give anything away.

    `pass`, `else:`, `import os`, `return None` and lone brackets say too little: fewer than three
    different words, or than twelve characters that are no blanks.
    """
    words = line.split()
    if sum(map(len, words)) < _MIN_CHARACTERS:
        return b""
    text = b" ".join(words)
    return text if len(set(_WORD.findall(text))) >= _MIN_WORDS else b""


def added_distinctive_lines(patch: bytes) -> frozenset[bytes]:
    """Telling lines of source that *patch* adds and does not take away or show elsewhere."""
    added, shown = set[bytes](), set[bytes]()
    for part in source_file_patches(patch):
        for hunk in iter_hunks(part):
            added.update(distinctive_lines(hunk, b"+"))
            shown.update(distinctive_lines(hunk, b" -"))
    return frozenset(added - shown)


def distinctive_lines(hunk: HunkLines, prefixes: bytes) -> Iterator[bytes]:
    """Telling lines of *hunk* that begin with one of *prefixes*, in order."""
    yield from filter(
        None, (distinctive_line(line[1:]) for line in hunk if line[:1] and line[:1] in prefixes)
    )


def _find_lines(lines: Collection[bytes], text: str) -> set[bytes]:
    """Those of *lines* that *text* holds, however it breaks its own lines and quotes them."""
    folded = b" " + b" ".join(_QUOTE.sub("", text).encode("utf-8", "replace").split()) + b" "
    return {line for line in lines if line in folded and _is_whole_words(line, folded)}


def _is_whole_words(line: bytes, text: bytes) -> bool:
    """Whether *line* stands in *text* as words of its own, not as a part of longer ones."""
    return re.search(rb"(?<!\w)" + re.escape(line) + rb"(?!\w)", text) is not None


def _mentions_commit(text: str, commits: Collection[str]) -> bool:
    return any(oid.startswith(named) for named in _HASH.findall(text) for oid in commits)


def _mentions_pull(text: str, candidate: Candidate) -> bool:
    return any(
        int(named["number"]) == candidate.pull_number
        and normalize_repo_name(named["path"] or named["repo"] or candidate.repo, candidate.repo)
        == candidate.repo
        for named in _PULL.finditer(text)
    )
