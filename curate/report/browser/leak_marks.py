"""Where a text contains lines of the gold patch: framed, so that they are seen in it."""

import re
from collections.abc import Iterator

from curate.publish.measures.solution_leaks import added_distinctive_lines
from curate.report.browser.markdown import MARK_END, MARK_START
from curate.report.browser.text import as_unicode

_GAP = r"(?:\s|^[>+-]\s?)+"  # between words: blanks, line breaks, quoting
_MAX_LINES = 500  # of a patch that are looked for


def mark_leaks(text: str, patch: bytes) -> str:
    """Return *text* with `MARK_START` and `MARK_END` around lines that *patch* adds.

    What stretches over several lines is framed on each of them.
    """
    text = as_unicode(text).replace(MARK_START, "").replace(MARK_END, "")
    ranges = sorted({span for line in _list_lines(patch) for span in _find(line, text)})
    parts, end = [], 0
    for start, stop in ranges:
        if start >= end:
            parts += [text[end:start], _frame(text[start:stop])]
            end = stop
    return "".join([*parts, text[end:]])


def _list_lines(patch: bytes) -> list[str]:
    lines = sorted(added_distinctive_lines(patch), key=lambda line: (-len(line), line))
    return [line.decode("utf-8", "replace") for line in lines[:_MAX_LINES]]


def _find(line: str, text: str) -> Iterator[tuple[int, int]]:
    words = line.split()
    if words[0] in text and words[-1] in text:  # most are not, which is cheap to see
        pattern = rf"(?<!\w){_GAP.join(map(re.escape, words))}(?!\w)"
        yield from (match.span() for match in re.finditer(pattern, text, re.MULTILINE))


def _frame(text: str) -> str:
    framed = (f"{MARK_START}{line}{MARK_END}" for line in text.split("\n"))
    return "\n".join(framed)
