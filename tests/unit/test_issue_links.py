import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.model import IssueLink, IssueRef
from curate.crawl.issue_links import collect_issue_links, parse_closing_references
from curate.crawl.markup import strip_markup
from tests.helpers.factories import make_pull

HERE = "some-owner/repo.name"


def numbers(text: str) -> list[int]:
    return [ref.number for ref in parse_closing_references(text, repo=HERE) if ref.repo == HERE]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fixes #12", [12]),
        ("fixes: #12.", [12]),
        ("FIXED #12", [12]),
        ("Closes #1, #2 and #3", [1, 2, 3]),
        ("resolves #1, fixes #2", [1, 2]),
        ("fixes #1 and resolves #2", [1, 2]),
        ("fix gh-12", [12]),
        ("closes GH-12 & GH-13", [12, 13]),
        ("closes https://github.com/some-owner/repo.name/issues/7#issuecomment-99", [7]),
        ("closes Some-Owner/Repo.Name#7", [7]),
        ("Fixes [#12](https://github.com/some-owner/repo.name/issues/12)", [12]),
        ("Fixes [this bug](https://github.com/some-owner/repo.name/issues/12)", [12]),
        ("**Fixes** #12", [12]),
        ("fixes issue #12", [12]),
        ("fixes\n#12", [12]),
        ("fixes #3 fixes #3", [3]),
        ("#12", []),
        ("see #12", []),
        ("prefixes #12", []),
        ("un-fixes #12", []),
        ("fixing #12", []),
        ("fixes #12abc", []),
        ("fixes #0", []),
        ("fixes 12", []),
        ("fixes https://github.com/some-owner/repo.name/pull/7", []),
        ("<!-- fixes #1 --> closes #2", [2]),
        ("<!-- fixes #1", []),
        ("```\nfixes #1\n```\nfixes #2", [2]),
        ("~~~py\nfixes #1\n~~~~\nfixes #2", [2]),
        ("```\nfixes #1", []),
        ("`fixes #1` fixes #2", [2]),
        ("<pre>\nfixes #1</pre> fixes #2 <code>fixes #3</code>", [2]),
        ("closes issue #1 and issue #2, issues #3", [1, 2, 3]),
        ("- closes #1\r\n- closes #2\r\n", [1, 2]),
        ("Fixes http://www.github.com/Some-Owner/repo.name/issues/9/", [9]),
        ("fixes #1 #2", [1]),
        ("closes #1, see #2", [1]),
        ("resolve(s) #1", []),
    ],
)
def test_grammar(text: str, expected: list[int]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Output:\n\n    fixes #1\n\nfixes #2", [2]),
        ("Output:\r\n\r\n\tfixes #1\r\n\r\nfixes #2", [2]),
        ("- what it does\n\n    fixes #1", [1]),
        ("A paragraph\n    fixes #1", [1]),
        ("- a\n\n      fixes #1\n\n- fixes #2", [2]),
    ],
)
def test_indented_code_of_a_body_says_nothing(body: str, expected: list[int]) -> None:
    assert [it.number for it in collect_issue_links(make_pull(9, body=body))] == expected
    assert 1 in [it.number for it in collect_issue_links(make_pull(9), [body])]


THEIRS = "https://github.com/other/engine/issues/11"
OURS = f"https://github.com/{HERE}/issues/11"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"fixes [#11]({THEIRS})", ["other/engine#11"]),
        (f"fixes [#11]({OURS})", ["#11"]),
        (f'fixes [#11]({THEIRS} "a title")', ["other/engine#11"]),
        (f"fixes [#11](<{THEIRS}>)", ["other/engine#11"]),
        (f"fixes [#12]({OURS})", ["#11"]),
        (f"fixes [other/engine#11]({OURS})", ["#11"]),
        (f"fixes [`#11`]({THEIRS}), #2", ["other/engine#11", "#2"]),
        (f"fixes [bug \\[1\\] [x]]({THEIRS})", ["other/engine#11"]),
        (f"[Fixes #11]({THEIRS})", ["other/engine#11"]),
        (f"fixes [![badge](https://img.io/x.svg)]({THEIRS})", ["other/engine#11"]),
        (f"fixes [#11][1] and #2\n\n[1]: {THEIRS}", ["other/engine#11", "#2"]),
        (f"fixes [#11][]\n\n[#11]: {THEIRS} 'title'", ["other/engine#11"]),
        (f"fixes [#11]\n\n[#11]: <{THEIRS}>", ["other/engine#11"]),
        (f'fixes <a href="{THEIRS}">#11</a>', ["other/engine#11"]),
        (f"fixes <A class=x HREF='{THEIRS}'><b>#11</b></A>", ["other/engine#11"]),
        (f"fixes <{THEIRS}>", ["other/engine#11"]),
        (f"fixes <{THEIRS}>, <{OURS}>", ["other/engine#11", "#11"]),
        (f"fixes #11 ({THEIRS})", ["other/engine#11"]),
        (f"fixes [#11]({THEIRS.replace('https://', 'http://www.')})", ["other/engine#11"]),
        (f"fixes [#11]({THEIRS}#issuecomment-5), #2", ["other/engine#11", "#2"]),
        (f"fixes {THEIRS}?a=1&b=2#issuecomment-5, #2", ["other/engine#11", "#2"]),
        (f"fixes {THEIRS}/, #2", ["other/engine#11", "#2"]),
        ("fixes www.github.com/other/engine/issues/11", ["other/engine#11"]),
        ("fixes [#11](/other/engine/issues/11)", ["other/engine#11"]),
        ("fixes [#11](../issues/12)", ["#12"]),
        ("fixes [#11](https://github.com/other/engine/pull/11)", []),
        (f"fixes [#11](https://github.com/{HERE}/pull/11)", []),
        ("fixes [#11](https://tracker.example.org/11)", []),
        ("fixes [#11](https://github.example.org/other/engine/issues/11)", []),
        ("fixes [#11](https://github.com.example.org/other/engine/issues/11)", []),
        ("fixes [#11]()", []),
        ("fixes https://gitlab.com/other/engine/issues/11", []),
        (f"fixes ![#11]({THEIRS})", []),
        ("[Fixes](https://docs.example.org) #11", ["#11"]),
        ("fixes \\#11", []),
        ("fixes \\[#11\\](x)", []),
        ("fixes #1 &#39;quoted&#39; &amp; more", ["#1"]),
        ("fixes some\\-owner/repo\\.name#11", ["#11"]),
        ("~~fixes #11~~ fixes #12", ["#12"]),
        ("fixes ~~#11~~ #12", ["#12"]),
        ("~fixes #11~ and ~5 s faster", []),
        ("<del>fixes #11</del> <s>fixes #12</s>", []),
        ("> fixes #11\n\nfixes #12", ["#12"]),
        ("- > fixes #11", []),
        ("<blockquote>fixes #11</blockquote>\n\nfixes #12", ["#12"]),
        ('Revert "Fix it (fixes #11)"', []),
        ("Not “fixes #11”, but fixes #12", ["#12"]),
        ("fixes ``#11`` fixes ```#12```", []),
        ("<pre><code>fixes #11</code></pre>", []),
        ("<kbd>x</kbd> fixes #11", ["#11"]),
        ("| fixes | #11 |\n|---|---|", []),
        ("- fixes\n- #11", []),
        ("<!-- template --> fixes #11", ["#11"]),
        ("```\n<!--\n```\nfixes #11", ["#11"]),
    ],
)
def test_the_address_of_a_link_decides(text: str, expected: list[str]) -> None:
    found = parse_closing_references(text, repo=HERE)
    assert [f"{it.repo}#{it.number}".removeprefix(HERE) for it in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fixes https://git.corp:8443/a/b/issues/3", ["a/b"]),
        ("fixes [#3](https://git.corp:8443/a/b/issues/3)", ["a/b"]),
        ("fixes <https://www.git.corp:8443/a/b/issues/3>", ["a/b"]),
        ("fixes [#3](https://git.corp/a/b/issues/3)", []),
        ("fixes https://github.com/a/b/issues/3", []),
        ("fixes [#3](https://github.com/a/b/issues/3)", []),
        ("fixes #3", ["o/r"]),
    ],
)
def test_only_addresses_of_the_same_github_are_issues(text: str, expected: list[str]) -> None:
    links = collect_issue_links(make_pull(9, body=text), host="git.corp:8443")
    assert [link.repo for link in links] == expected


@given(st.text(alphabet="[]()<>#1/ahref=\"'fixes \n!\\`~>:|&;.@", max_size=200))
def test_any_markup_is_read(text: str) -> None:
    link = f"fixes [#11]({THEIRS})"
    found = parse_closing_references(f"{link}\n\n{text}", repo=HERE)
    assert found[0] == IssueRef(repo="other/engine", number=11)


def test_another_repository() -> None:
    found = parse_closing_references(
        "fixes other/thing#3 and https://github.com/x/y/issues/4", repo=HERE
    )
    assert found == (IssueRef(repo="other/thing", number=3), IssueRef(repo="x/y", number=4))


def test_every_place_is_remembered_and_the_own_repository_comes_first() -> None:
    request = make_pull(
        5,
        title="Fix #9",
        body="closes #9, fixes a/b#1, fixes #5",
        closing=(IssueRef(repo="o/r", number=2),),
    )
    assert collect_issue_links(request, ["resolves #2", "fixes #9"]) == (
        IssueLink(repo="o/r", number=2, sources=("commit", "github")),
        IssueLink(repo="o/r", number=9, sources=("title", "body", "commit")),
        IssueLink(repo="a/b", number=1, sources=("body",)),
    )


@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=20),
    st.sampled_from([", ", " and ", " & "]),
)
def test_lists_of_any_length(wanted: list[int], separator: str) -> None:
    text = "closes " + separator.join(f"#{number}" for number in wanted)
    assert numbers(text) == list(dict.fromkeys(wanted))


@given(st.text(alphabet="fixes closd#12,&-`~<>!\n[](a/b)gh*", max_size=300))
def test_comments_hide_everything(text: str) -> None:
    hidden = text.replace("-->", "").replace("--", "")
    assert parse_closing_references(f"<!--{hidden}-->", repo=HERE) == ()


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    assert all(ref.number > 0 for ref in parse_closing_references(text, repo=HERE))
    assert "<!--" not in strip_markup(text, repo=HERE)


KEYWORDS = [
    word + ending
    for word, endings in (("close", ("", "s", "d")), ("fix", ("", "es", "ed")))
    for ending in endings
] + ["resolve", "resolves", "resolved"]
NUMBER = st.integers(1, 10**6)
FORMS = ("#{}", "gh-{}", "GH-{}", f"{HERE}#{{}}", f"https://github.com/{HERE}/issues/{{}}")


@st.composite
def claims(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A claim as people write them, and the numbers it claims."""
    wanted = draw(st.lists(NUMBER, min_size=1, max_size=5))
    keyword = draw(st.sampled_from(KEYWORDS))
    keyword = "".join(draw(st.sampled_from((it.lower(), it.upper()))) for it in keyword)
    text = keyword + draw(st.sampled_from((" ", ": ", ":", "\n", " issue ")))
    for place, number in enumerate(wanted):
        if place:
            text += draw(st.sampled_from((", ", ",", " and ", ", and ", " & ", " or ", " + ")))
        text += draw(st.sampled_from(FORMS)).format(number)
    return text, wanted


@given(claims())
def test_the_whole_grammar(claim: tuple[str, list[int]]) -> None:
    text, wanted = claim
    assert numbers(text) == list(dict.fromkeys(wanted))


@given(
    claims(), claims(), st.sampled_from(("<!-- {} -->", "`{}`", "```\n{}\n```\n", "~~~\n{}\n~~~"))
)
def test_what_is_hidden_claims_nothing_and_hides_nothing(
    hidden: tuple[str, list[int]], shown: tuple[str, list[int]], cover: str
) -> None:
    inside = hidden[0].replace("\n", " ")
    text = f"Before.\n\n{cover.format(inside)}\n\n{shown[0]}\n"
    assert numbers(text) == list(dict.fromkeys(shown[1]))


@given(st.lists(claims(), max_size=4), st.randoms())
def test_links_do_not_depend_on_the_order_of_what_is_said(
    said: list[tuple[str, list[int]]], order: random.Random
) -> None:
    lines = [text for text, _ in said]
    shuffled = order.sample(lines, len(lines))
    first, second = (
        collect_issue_links(make_pull(2 * 10**6, repo=HERE, body="\n\n".join(body)), body)
        for body in (lines, shuffled)
    )
    assert first == second
    assert [link.number for link in first] == sorted({n for _, wanted in said for n in wanted})
