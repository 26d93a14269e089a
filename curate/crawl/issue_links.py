"""Issues that a PR says it closes: GitHub's closing keywords, parsed from text.

The grammar is GitHub's (docs.github.com, "Linking a pull request to an issue"), extended by
common variants: `gh-12`, `fixes issue #12`, and lists (`closes #1, #2 and #3`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

from curate.core.model import IssueLink, IssueRef, PullRequest
from curate.core.names import normalize_repo_name
from curate.crawl.markup import GITHUB_HOST, strip_markup

SOURCES = ("title", "body", "commit", "github")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}"
_NUMBER = r"[1-9][0-9]{0,8}(?![\w])"
_SEPARATOR = r"(?:\s{0,9}(?:,|&|\+|;)\s{0,9}(?:and\s{1,9})?|\s{1,9}(?:and|or)\s{1,9})"
_ISSUE = r"(?:issues?\s{1,9})?"
_CLAIMABLE = re.compile(
    r"(?=.*(?:close|fix|resolve))(?=.*(?:(?:\#|gh-)\d|/issues/\d))", re.IGNORECASE | re.DOTALL
)
_QUOTATION = re.compile(r"(?<![\w\"“”])[\"“](?=\S)[^\"“”\n]{1,300}(?<=\S)[\"”](?![\w\"“”])")


class _Grammar(NamedTuple):
    """Patterns of claims that close issues, and of the references in them."""

    claim: re.Pattern[str]
    reference: re.Pattern[str]
    with_address: re.Pattern[str]  # `#12 (https://…/issues/12)`


@cache
def _compile_grammar(host: str) -> _Grammar:
    """Return the grammar for texts on *host*; addresses on other hosts are no references."""
    tail = r"(?:[/?\#][^\s<>()\[\],;|]{0,300})?"
    issues = rf"(?:https?://)?(?:www\.)?{re.escape(host)}"
    address = rf"{issues}/{_NAME}/issues/{_NUMBER}{tail}"
    any_reference = rf"(?:{address}|(?:{_NAME})?\#{_NUMBER}|gh-{_NUMBER})"
    return _Grammar(
        claim=re.compile(
            r"(?<![\w-])(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?)(?:\s{0,9}:\s{0,9}|\s{1,9})"
            rf"{_ISSUE}(?P<list>{any_reference}(?:{_SEPARATOR}{_ISSUE}{any_reference}){{0,99}})",
            re.IGNORECASE,
        ),
        reference=re.compile(
            rf"{issues}/(?P<url_repo>{_NAME})/issues/(?P<url_number>{_NUMBER}){tail}"
            rf"|(?P<repo>{_NAME})?(?:\#|gh-)(?P<number>{_NUMBER})",
            re.IGNORECASE,
        ),
        with_address=re.compile(
            rf"(?:{_NAME})?\#(?P<number>{_NUMBER})\s?\((?P<address>{issues}/{_NAME}/issues/"
            rf"(?P=number){tail})\)",
            re.IGNORECASE,
        ),
    )


def parse_closing_references(
    text: str, *, repo: str, host: str = GITHUB_HOST, has_indented_code: bool = False
) -> tuple[IssueRef, ...]:
    """Return the distinct issues that *text* says it closes, in order of appearance.

    `#12` and `gh-12` refer to *repo* ("owner/name"); its spelling is normalized. A link refers to
    what its address says, and only to issues on *host*. *has_indented_code* is for texts that
    GitHub renders as Markdown.
    """
    if not _CLAIMABLE.match(text):  # most texts; full parsing is 100 times slower
        return ()
    plain = strip_markup(text, repo=repo, host=host, has_indented_code=has_indented_code)
    return tuple(dict.fromkeys(_iter_references(_QUOTATION.sub(" | ", plain), repo, host)))


def _iter_references(text: str, repo: str, host: str) -> Iterator[IssueRef]:
    grammar = _compile_grammar(host)
    for claim in grammar.claim.finditer(grammar.with_address.sub(r"\g<address>", text)):
        for part in grammar.reference.finditer(claim["list"]):
            name = part["url_repo"] or part["repo"] or repo
            number = int(part["url_number"] or part["number"])
            yield IssueRef(repo=normalize_repo_name(name, repo), number=number)


def collect_issue_links(
    pull: PullRequest, messages: Sequence[str] = (), *, host: str = GITHUB_HOST
) -> tuple[IssueLink, ...]:
    """Return every issue that *pull* links, with the sources of the link; own repository first.

    *messages* are the PR's commit messages from the mirror; *host* is that of GitHub's website.
    """
    parse = partial(parse_closing_references, repo=pull.repo, host=host)
    commits = (*pull.commit_messages, *messages)
    by_source: dict[str, Iterable[IssueRef]] = {
        "title": parse(pull.title),
        "body": parse(pull.body, has_indented_code=True),
        "commit": [ref for text in commits for ref in parse(text)],
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
