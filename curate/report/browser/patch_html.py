"""A patch as highlighted HTML: a line is added, removed or context, and code of its language."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

from curate.report.browser.text import show_controls

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MAX_LINES, MAX_LINE = 1500, 400  # that are shown: lines of a patch, and characters of a line
_KINDS = {"+": "added", "-": "removed"}
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_LANGUAGES = {
    "py": "python", "pyi": "python", "pyx": "cython", "pxd": "cython", "toml": "toml",
    "cfg": "ini", "ini": "ini", "yml": "yaml", "yaml": "yaml", "json": "json", "c": "c", "h": "c",
    "cpp": "cpp", "js": "javascript", "ts": "typescript", "html": "html", "css": "css",
    "sh": "bash",
}  # fmt: skip


def render_patch(patch: bytes, *, with_syntax: bool = True) -> Markup:
    """Return the lines of *patch* as HTML, one span each, at most `MAX_LINES`.

    Without *with_syntax*, which takes most of the time, only what is added and removed is told.
    """
    lines = show_controls(patch.decode("utf-8", "replace")).split("\n")
    lines = lines[:-1] if lines and not lines[-1] else lines
    shown = [_cut_line(line) for line in lines[:MAX_LINES]]
    parts = [html for part in _split_parts(shown) for html in _render_part(part, with_syntax)]
    if len(lines) > MAX_LINES:
        parts.append(f'<span class="line">… {len(lines) - MAX_LINES:,} more lines</span>')
    return Markup("".join(parts))


def _cut_line(line: str) -> str:
    left_out = len(line) - MAX_LINE
    return line if left_out <= 0 else f"{line[:MAX_LINE]} … {left_out:,} more characters"


class _Part(list[str]):
    """Lines of a patch: a header with `language` None, or a hunk's lines below its `@@`."""

    language: str | None = None


def _split_parts(lines: Sequence[str]) -> Iterator[_Part]:
    """Yield headers and bodies of hunks; how long a body is stands in its header."""
    part, language, old, new = _Part(), "", 0, 0
    for line in lines:
        if old > 0 or new > 0 or line.startswith("\\"):
            old -= line[:1] != "+"
            new -= line[:1] != "-"
            part.append(line)
            if old <= 0 and new <= 0:
                yield part
                part = _Part()
            continue
        if line.startswith("diff --git"):
            language = _LANGUAGES.get(line.rpartition(".")[2].lower(), "")
        part.append(line)
        if match := _HUNK.match(line):
            yield part
            part, old, new = _Part(), int(match[1] or 1), int(match[2] or 1)
            part.language = language
    yield part


def _render_part(part: _Part, with_syntax: bool) -> Iterator[str]:  # noqa: FBT001
    if part.language is None:
        for line in part:
            kind = "hunk" if line.startswith("@@") else "file"
            yield f'<span class="line {kind}">{escape(line)}</span>'
        return
    codes = _highlight([line[1:] for line in part], part.language if with_syntax else "")
    for line, code in zip(part, codes, strict=True):
        kind = _KINDS.get(line[:1], "context")
        yield f'<span class="line {kind}">{escape(line[:1])}{code}</span>'


def _highlight(lines: Sequence[str], language: str) -> list[str]:
    """Return the HTML of *lines* of code, one by one."""
    if not language:
        return [escape(line) for line in lines]
    from pygments.token import STANDARD_TYPES, Token

    html, current = [], []
    for token, text in _lexer(language).get_tokens("\n".join(lines) + "\n"):
        kind = token
        while kind not in STANDARD_TYPES:
            kind = kind.parent or Token
        name = STANDARD_TYPES[kind]
        for index, piece in enumerate(text.split("\n")):
            if index:
                html.append("".join(current))
                current = []
            if piece:
                plain = escape(piece)
                current.append(f'<i class="{name}">{plain}</i>' if name[:1] in _SHOWN else plain)
    is_whole = len(html) == len(lines)
    return html if is_whole else [escape(line) for line in lines]


_SHOWN = frozenset("kscmon")  # keywords, strings, comments, numbers, operators, names


@cache
def _lexer(language: str) -> "Lexer":
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(language, stripnl=False, ensurenl=False)
