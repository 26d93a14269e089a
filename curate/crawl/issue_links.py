"""Issues that a PR says it closes: GitHub's closing keywords, parsed from text.

The grammar is GitHub's (docs.github.com, "Linking a pull request to an issue"), extended by
common variants: `gh-12`, `fixes issue #12`, and lists (`closes #1, #2 and #3`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from curate.core.model import IssueLink, IssueRef, PullRequest
from curate.core.names import normalize_repo_name

SOURCES = ("title", "body", "commit", "github")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}"
_NUMBER = r"[1-9][0-9]{0,8}(?![\w])"
_REFERENCE = (
    rf"(?:https?://(?:www\.)?github\.com/{_NAME}/issues/{_NUMBER}(?:#[\w-]{{0,80}})?"
    rf"|(?:{_NAME})?\#{_NUMBER}"
    rf"|gh-{_NUMBER})"
)
_SEPARATOR = r"(?:\s{0,9}(?:,|&|\+|;)\s{0,9}(?:and\s{1,9})?|\s{1,9}(?:and|or)\s{1,9})"
_ISSUE = r"(?:issues?\s{1,9})?"
_CLOSING_CLAIM = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?)(?:\s{0,9}:\s{0,9}|\s{1,9})"
    rf"{_ISSUE}(?P<list>{_REFERENCE}(?:{_SEPARATOR}{_ISSUE}{_REFERENCE}){{0,99}})",
    re.IGNORECASE,
)
_PARTS = re.compile(
    rf"(?:github\.com/)?(?P<repo>{_NAME})?(?:/issues/|\#|gh-)(?P<number>{_NUMBER})",
    re.IGNORECASE,
)
_HAS_KEYWORD = re.compile(r"close|fix|resolve", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t\r]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_INDENTED_CLAIM = re.compile(
    r"^(?: {4}|\t)[^\n]*(?:close|fix|resolve)", re.IGNORECASE | re.MULTILINE
)
_HTML_CODE = re.compile(r"<(?P<tag>pre|code)\b.*?(?:</(?P=tag)>|\Z)", re.DOTALL | re.IGNORECASE)
_INLINE_CODE = re.compile(r"(?<!`)(?P<ticks>`{1,2})(?!`)[^`\n]{1,500}(?P=ticks)(?!`)")
_MARKDOWN_LINK = re.compile(r"\[(?P<text>[^\[\]\n]{1,200})\]\((?P<url>[^()\s]{1,500})\)")
_EMPHASIS = re.compile(r"[*]{1,3}|__")


def strip_markup(text: str) -> str:
    """Remove HTML comments, code and emphasis; replace a Markdown link by its reference."""
    text = _COMMENT.sub(" ", text)
    text = _FENCE.sub("\n", text)
    text = _HTML_CODE.sub(" | ", text)
    text = _INLINE_CODE.sub(" ` ", text)
    text = _MARKDOWN_LINK.sub(_link_reference, text)
    return _EMPHASIS.sub("", text)


def strip_indented_code(text: str) -> str:
    """Remove Markdown's indented code blocks; indented text in lists stays.

    Only for texts that GitHub renders as Markdown: commit messages are often indented throughout.
    """
    if not _INDENTED_CLAIM.search(text):
        return text
    from markdown_it import MarkdownIt

    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "code_block" and token.map:
            first, end = token.map
            lines[first:end] = [""] * (end - first)
    return "\n".join(lines)


def _link_reference(match: re.Match[str]) -> str:
    shown = match["text"]
    return shown if re.fullmatch(_REFERENCE, shown, re.IGNORECASE) else match["url"]


def parse_closing_references(text: str, *, repo: str) -> tuple[IssueRef, ...]:
    """Return the distinct issues that *text* says it closes, in order of appearance.

    `#12` and `gh-12` refer to *repo* ("owner/name"); its spelling is normalized.
    """
    if not _HAS_KEYWORD.search(text):  # most texts; full parsing is 100 times slower
        return ()
    found = dict.fromkeys(_iter_references(strip_markup(text), repo))
    return tuple(found)


def _iter_references(text: str, repo: str) -> Iterator[IssueRef]:
    for claim in _CLOSING_CLAIM.finditer(text):
        for part in _PARTS.finditer(claim["list"]):
            name = part["repo"] or repo
            yield IssueRef(repo=normalize_repo_name(name, repo), number=int(part["number"]))


def collect_issue_links(pull: PullRequest, messages: Sequence[str] = ()) -> tuple[IssueLink, ...]:
    """Return every issue that *pull* links, with the sources of the link; own repository first.

    *messages* are the PR's commit messages from the mirror.
    """
    commits = (*pull.commit_messages, *messages)
    by_source: dict[str, Iterable[IssueRef]] = {
        "title": parse_closing_references(pull.title, repo=pull.repo),
        "body": parse_closing_references(strip_indented_code(pull.body), repo=pull.repo),
        "commit": [
            ref for text in commits for ref in parse_closing_references(text, repo=pull.repo)
        ],
        "github": pull.closing,
    }
    sources_by_ref: dict[IssueRef, list[str]] = {}
    for source in SOURCES:
        for ref in dict.fromkeys(by_source[source]):
            sources_by_ref.setdefault(ref, []).append(source)
    sources_by_ref.pop(IssueRef(repo=pull.repo, number=pull.number), None)
    ordered_refs = sorted(
        sources_by_ref, key=lambda ref: (ref.repo != pull.repo, ref.repo, ref.number)
    )
    return tuple(
        IssueLink(repo=r.repo, number=r.number, sources=tuple(sources_by_ref[r]))
        for r in ordered_refs
    )
