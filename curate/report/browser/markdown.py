"""Markdown of strangers as HTML that loads nothing and runs nothing.

Two walls: markdown-it renders, then nh3 keeps a list of tags and attributes and drops the rest. The
pages' content security policy is a third one.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from curate.report.browser.text import as_unicode, cut_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_CHARACTERS = 60_000  # of a text; the largest issues are logs that somebody pasted

# Characters of private use, which frame what is marked until the text is HTML.
MARK_START, MARK_END = "\ue0f0", "\ue0f1"

_TAGS = frozenset({
    "a", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr",
    "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "details": {"open"}}
_SCHEMES = {"http", "https", "mailto"}
_IMAGE = re.compile(r"<img\b[^>]*?\bsrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))[^>]*>", re.I)
_EMPTY_LINK = re.compile(r'(<a href="([^"]*)"[^>]*>)\s*</a>')
_DEEP = re.compile(r"(?:>[ \t]{0,3}){40}|^(?:[-+*1][.)]?[ \t]+){40}", re.MULTILINE)
# So often, a character of markup makes parsers slow.
_LONG_RUN = re.compile(r"([\[\]*_`~!(<>&\\])(?:\s?\1){2000}")
_MAX_TAGS = 4000  # a text with more HTML than this is shown as it was written


def render_markdown(text: str) -> Markup:
    """Return safe HTML of *text*, of its first `MAX_CHARACTERS`.

    Images become links to them. What is framed by `MARK_START` and `MARK_END` becomes `<mark>`.
    """
    text, left_out = cut_text(as_unicode(text), MAX_CHARACTERS)
    html = _render_plain(text) if _is_hostile(text) else _parser().render(text)
    html = html.replace(MARK_START, "<mark>").replace(MARK_END, "</mark>")
    clean = _EMPTY_LINK.sub(lambda match: f"{match[1]}{match[2]}</a>", _sanitize(html))
    note = f'<p class="muted">{left_out:,} more characters are left out.</p>' if left_out else ""
    return Markup(f"{clean}{note}")


def _is_hostile(text: str) -> bool:
    """Whether *text* nests or marks up so much that rendering it is work for nothing."""
    return text.count("<") > _MAX_TAGS or any(it.search(text) for it in (_DEEP, _LONG_RUN))


def _render_plain(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _sanitize(html: str) -> str:
    import nh3

    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"pre": {"tabindex": "0"}},
        strip_comments=True,
    )


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 100})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("image", _render_image)
    for name in ("heading_open", "heading_close"):
        parser.add_render_rule(name, _render_heading)
    for name in ("html_block", "html_inline"):
        parser.add_render_rule(name, _render_html)
    return parser


def _render_image(renderer: Any, tokens: Sequence["Token"], index: int, *_: Any) -> str:
    token = tokens[index]
    return _link_image(str(token.attrs.get("src", "")), token.content)


def _render_heading(renderer: Any, tokens: Sequence["Token"], index: int, *_: Any) -> str:
    """A heading of a stranger is no heading of the page."""
    return "<p><strong>" if tokens[index].nesting > 0 else "</strong></p>\n"


def _render_html(renderer: Any, tokens: Sequence["Token"], index: int, *_: Any) -> str:
    content = tokens[index].content
    return _IMAGE.sub(lambda match: _link_image(match[1] or match[2] or match[3], ""), content)


def _link_image(source: str, label: str) -> str:
    if not source.lower().startswith(("http:", "https:")):
        return f"[image: {escape(label or source[:80])}]"
    return f'<a href="{escape(source)}">[image: {escape(label or source)}]</a>'
