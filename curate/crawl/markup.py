"""Texts of PRs and commits as a reader sees them: Markdown and HTML resolved to plain text.

The text is rendered as GitHub does and the result read as HTML. What the author does not say
himself is left out: comments, code, quotations, struck-out text. A link is replaced by its address
if that is an issue or a PR: `[#1](https://github.com/other/thing/issues/1)` is not our #1.
"""

import re
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

GITHUB_HOST = "github.com"

_MARKUP = re.compile(r"[\[<>`~\\*_]|&[#\w]|^(?: {4}|\t)", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ESCAPED_NUMBER_SIGN = re.compile(r"(?<!\\)((?:\\\\)*)\\#")
_WORD_JOINER = "\u2060"  # invisible; separates an escaped number sign from its number
_SINGLE_STRIKE = re.compile(r"(?<![\w~])~(?=[^\s~])[^~\n]{1,300}(?<=\S)~(?![\w~])")
_PATH = re.compile(r"/(?P<repo>[^/]+/[^/]+)/(?P<kind>issues|pull)/(?P<number>[1-9]\d{0,8})(?:/.*)?")
_REFERENCE = re.compile(r"\S*#\d+|\bgh-\d+|https?://\S+", re.IGNORECASE)
_TRAILING_REFERENCE = re.compile(rf"(?:{_REFERENCE.pattern})\s*\Z", re.IGNORECASE)

_OMITTED = {"del": " ", "s": " ", "strike": " ", "script": " ", "style": " ", "template": " "}
_OMITTED |= {"pre": " | ", "code": " ` ", "blockquote": "\n|\n", "q": " | ", "samp": " ` "}
_BLOCKS = frozenset(("p", "div", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol"))
_CELLS = frozenset(("li", "td", "th", "tr", "table", "summary", "details"))


def strip_markup(
    text: str, *, repo: str, host: str = GITHUB_HOST, has_indented_code: bool = False
) -> str:
    """Return the plain text of *text*, which belongs to *repo* ("owner/name") on *host*.

    Indented code is left out only with *has_indented_code*: commit messages are not Markdown, and
    often indented throughout.
    """
    if not _MARKUP.search(text):
        return text
    parser = _TextExtractor(f"https://{host}/{repo}/pull/0", host)
    source = _ESCAPED_NUMBER_SIGN.sub(rf"\1\\#{_WORD_JOINER}", text)
    parser.feed(
        _COMMENT.sub(" ", _markdown_renderer(has_indented_code=has_indented_code).render(source))
    )
    parser.close()
    return _SINGLE_STRIKE.sub(" ", "".join(parser.parts))


def resolve_address(address: str, *, base: str, host: str) -> str:
    """Return the canonical address of an issue or a PR on *host*; "" for anything else.

    *base* is the address of the page on which a relative *address* stands.
    """
    try:
        parts = urlsplit(urljoin(base, address.strip()))
    except ValueError:
        return ""
    found = _PATH.fullmatch(parts.path)
    known_host = parts.netloc.casefold().removeprefix("www.") == host.casefold()
    if not found or not known_host or parts.scheme not in ("http", "https"):
        return ""
    if found["number"] == "0":
        return ""
    return f"https://{host}/{found['repo']}/{found['kind']}/{found['number']}"


@cache
def _markdown_renderer(*, has_indented_code: bool) -> "MarkdownIt":
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": True}).enable("strikethrough")
    return renderer if has_indented_code else renderer.disable("code")


class _TextExtractor(HTMLParser):
    """Collects the text of an HTML document in `parts`."""

    def __init__(self, base: str, host: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._base = base
        self._host = host
        self._omitted: list[str] = []  # open elements whose text is left out
        self._link: tuple[str, int] | None = None  # address, and where its text begins in `parts`

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _OMITTED:
            self._add(_OMITTED[tag])
            self._omitted.append(tag)
        elif tag in _BLOCKS:
            self._add("\n")
        elif tag in _CELLS:
            self._add("\n| ")
        elif tag == "a":
            self._end_link()
            self._link = dict(attrs).get("href") or "", len(self.parts)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _OMITTED and tag != "a":
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._omitted:
            while self._omitted.pop() != tag:
                pass
        elif tag == "a":
            self._end_link()
        elif tag in _BLOCKS | _CELLS:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        self._add(data)

    def close(self) -> None:
        super().close()
        self._end_link()

    def _add(self, text: str) -> None:
        if not self._omitted:
            self.parts.append(text)

    def _end_link(self) -> None:
        """Replace the text of the link that ends here by what its address says."""
        if self._link is None:
            return
        (address, start), self._link = self._link, None
        shown = "".join(self.parts[start:])
        target = resolve_address(address, base=self._base, host=self._host)
        self.parts[start:] = [_describe_link(shown, target)]


def _describe_link(shown: str, target: str) -> str:
    """Text for a link: words before its reference, and the address instead of the reference.

    Of a link to anything else than an issue or a PR, only text without a reference is kept.
    """
    if not target:
        return " | " if _REFERENCE.search(shown) else shown
    words = _TRAILING_REFERENCE.sub("", shown)
    return f"{words}{target}" if words != shown and not _REFERENCE.search(words) else target
