"""Solution leaks in an instance's texts: lines of the gold patch, commits, the PR itself.

`distinctive_line` defines which lines of code count.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from curate.core.model import Candidate
from curate.core.names import normalize_repo_name
from curate.patches.stats import HunkLines, list_source_hunks

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
"""What a text reveals of the solution, and in which column."""


@dataclass(frozen=True, kw_only=True)
class SolutionLeaks:
    """Kinds of leaks, and the share of the gold patch in the problem statement."""

    kinds: tuple[LeakKind, ...]
    leaked_fraction: float | None  # of the distinctive lines added, 0 to 1; None = none are added


def find_leaks(candidate: Candidate, commits: Collection[str] = ()) -> SolutionLeaks:
    """Find everything that problem statement and hints reveal of the solution.

    *commits* are further commits of the PR besides its head and merge commit.
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
    kinds = tuple(kind for kind, is_leaked in checks.items() if is_leaked)
    return SolutionLeaks(
        kinds=kinds, leaked_fraction=len(leaked_lines) / len(lines) if lines else None
    )


def may_name_commits(candidate: Candidate) -> bool:
    """Whether a text contains anything like a commit id, so that `find_leaks` needs *commits*."""
    return any(map(_HASH.search, (candidate.problem_statement, candidate.hints_text)))


def distinctive_line(line: bytes) -> bytes:
    """Return *line* with whitespace normalized; empty if it is too common to reveal anything.

    Lines such as `pass`, `else:`, `import os`, `return None` and single brackets are: they have
    fewer than 3 different words, or fewer than 12 non-whitespace characters.
    """
    words = line.split()
    text = b" ".join(words)
    if len(text) - len(words) + 1 < _MIN_CHARACTERS:
        return b""
    return text if len(set(_WORD.findall(text))) >= _MIN_WORDS else b""


def added_distinctive_lines(patch: bytes) -> frozenset[bytes]:
    """Return distinctive source lines that *patch* adds but neither removes nor has as context."""
    added, shown = set[bytes](), set[bytes]()
    for hunk in list_source_hunks(patch):
        added.update(distinctive_lines(hunk, b"+"))
        shown.update(distinctive_lines(hunk, b" -"))
    return frozenset(added - shown)


def distinctive_lines(hunk: HunkLines, prefixes: bytes) -> Iterator[bytes]:
    """Yield the distinctive lines of *hunk* that begin with one of *prefixes*, in order."""
    for line in hunk:
        if line and line[0] in prefixes and (text := distinctive_line(line[1:])):
            yield text


def _find_lines(lines: Collection[bytes], text: str) -> set[bytes]:
    """Return those of *lines* that occur in *text*, ignoring its line breaks and quoting."""
    words = _QUOTE.sub("", text).encode("utf-8", "replace").split()
    normalized = b" " + b" ".join(words) + b" "
    return {line for line in lines if line in normalized and _is_whole_words(line, normalized)}


def _is_whole_words(line: bytes, text: bytes) -> bool:
    """Whether *line* occurs in *text* as whole words."""
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
