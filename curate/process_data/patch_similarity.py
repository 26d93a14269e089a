"""How much two patches resemble each other, by the words of the lines that they change."""

import re
from collections import Counter
from collections.abc import Iterator

MAX_ORDER = 4  # words in a row that are compared
MAX_WORDS = 200_000  # of a side; the rest of longer patches is not compared
_WORD = re.compile(rb"\w+|[^\w\s]")
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")


def compute_patch_similarity(patch: bytes, gold: bytes) -> float:
    """Return 0 to 1: the shared fraction of runs of 1 to 4 words, the mean of all four lengths.

    Added and removed lines are compared apart, context lines and file names are not. Runs are
    counted as often as they occur. A length that neither side has does not count.
    """
    ours, theirs = _read_words(patch), _read_words(gold)
    scores = []
    for order in range(1, MAX_ORDER + 1):
        left, right = _count_runs(ours, order), _count_runs(theirs, order)
        union = (left | right).total()
        if union:
            scores.append((left & right).total() / union)
    return sum(scores) / len(scores) if scores else float(patch.strip() == gold.strip())


_Words = dict[bytes, list[bytes]]  # by "+" and "-"


def _read_words(patch: bytes) -> _Words:
    words: _Words = {b"+": [], b"-": []}
    for sign, line in _iter_changed_lines(patch):
        if len(words[sign]) < MAX_WORDS:
            words[sign] += _WORD.findall(line)
    return words


def _iter_changed_lines(patch: bytes) -> Iterator[tuple[bytes, bytes]]:
    is_in_hunk = False
    for line in patch.split(b"\n"):
        if line.startswith(b"diff --git "):
            is_in_hunk = False
        elif _HUNK.match(line):
            is_in_hunk = True
        elif is_in_hunk and line[:1] in (b"+", b"-"):
            yield line[:1], line[1:]


def _count_runs(words: _Words, order: int) -> Counter[tuple[bytes, ...]]:
    runs: Counter[tuple[bytes, ...]] = Counter()
    for sign, row in words.items():
        shifted = (row[start:] for start in range(order))
        runs.update((sign, *run) for run in zip(*shifted, strict=False))
    return runs
