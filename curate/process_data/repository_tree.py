"""The Python files of a repository as a bounded list, the likely ones for an issue first."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from curate.core.tokens import CountTokens
from curate.patches.file_kinds import FileClassifier

_CLASSIFIER = FileClassifier()
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class RepositoryTree:
    """A list of files, of which *omitted* are left out to keep it short."""

    text: str
    files: int
    omitted: int


def list_source_files(paths: Iterable[str]) -> list[str]:
    """Return the Python files that are neither tests nor documentation, sorted."""
    return sorted(path for path in paths if path.endswith(".py") and is_source_file(path))


def is_source_file(path: str) -> bool:
    """Whether *path* is neither a test nor documentation, by its name."""
    return _CLASSIFIER.is_source(path) and path.isprintable()


def rank_files(issue: str, paths: Sequence[str]) -> list[str]:
    """Order *paths* by the words of their names that *issue* has, rare words before common ones.

    A pure function of its arguments: the same files for the same issue everywhere.
    """
    words = {word.lower() for word in _WORD.findall(issue)}
    found = {path: words & set(_list_words(path)) for path in paths}
    counts: dict[str, int] = {}
    for names in found.values():
        for word in names:
            counts[word] = counts.get(word, 0) + 1
    scores = {
        path: sum(1 / counts[word] for word in sorted(names)) for path, names in found.items()
    }
    return sorted(paths, key=lambda path: (-round(scores[path], 9), path.count("/"), path))


def make_tree(
    ranked: Sequence[str], required: Collection[str], budget: int, count_tokens: CountTokens
) -> RepositoryTree | None:
    """List as many of *ranked* as *budget* tokens allow, sorted by path; None if too few.

    *required* files are in it whatever their rank.
    """
    order = [*sorted(required), *(path for path in ranked if path not in required)]
    low, high = len(required), len(order)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(_render(order[:middle], len(order) - middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    text = _render(order[:low], len(order) - low)
    if count_tokens(text) > budget:
        return None
    return RepositoryTree(text=text, files=low, omitted=len(order) - low)


def _render(paths: Sequence[str], omitted: int) -> str:
    lines = [f"- /{path}\n" for path in sorted(paths)]
    rest = f"({omitted} more files are not listed)\n" if omitted else ""
    return "".join(lines) + rest


def _list_words(path: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(path.removesuffix(".py"))]
