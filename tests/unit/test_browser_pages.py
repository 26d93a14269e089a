"""Parts of an instance's page: Markdown, patches, leaks, locks, outcomes."""

from dataclasses import replace

import pytest

from curate.builders.model import Outcome
from curate.core.model import Run
from curate.report.browser.leak_marks import mark_leaks
from curate.report.browser.lock_diff import diff_locks, parse_lock
from curate.report.browser.markdown import MARK_END, MARK_START, MAX_CHARACTERS, render_markdown
from curate.report.browser.outcome_grid import MAX_ROWS, make_outcome_grid
from curate.report.browser.patch_html import MAX_LINES, render_patch
from curate.report.browser.text import show_controls
from tests.helpers.factories import make_validation

_HEADER = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
_REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a *b* `c`", "<p>a <em>b</em> <code>c</code></p>\n"),
        ("# Title", "<p><strong>Title</strong></p>\n"),
        ("<h1>Title</h1>", "Title"),
        ("<script>x()</script>", ""),
        ('<b onclick="x()" style="color:red" class="state" id="q">b</b>', "<p><b>b</b></p>\n"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ("<a href='javascript:x'>a</a>", '<p><a rel="noopener noreferrer nofollow">a</a></p>\n'),
        (
            "![an image](https://e.org/i.png)",
            f'<p><a href="https://e.org/i.png" {_REL}>[image: an image]</a></p>\n',
        ),
        (
            '<img width=9999 src="https://e.org/i.png">',
            f'<a href="https://e.org/i.png" {_REL}>[image: https://e.org/i.png]</a>',
        ),
        ("![x](data:image/svg+xml,a)", "<p>![x](data:image/svg+xml,a)</p>\n"),
        ("[](https://e.org)", '<p><a href="https://e.org" rel="noopener noreferrer nofollow">'
         "https://e.org</a></p>\n"),
        ("\ud800", "<p>\ufffd</p>\n"),
        (f"{MARK_START}a *b{MARK_END} c*", "<p><mark>a <em>b</em></mark><em> c</em></p>\n"),
    ],
)  # fmt: skip
def test_markdown_is_safe(text: str, html: str) -> None:
    assert render_markdown(text).replace("\ufffd\ufffd\ufffd", "\ufffd") == html


@pytest.mark.parametrize(
    "text", ["[" * 9000, "> " * 9000 + "a", "- " * 9000, "<b>" * 9000, "1. " * 9000, "![](" * 9000]
)
def test_what_is_slow_or_deep_is_shown_as_it_was_written(text: str) -> None:
    html = render_markdown(text)
    assert html.count("[") + html.count("&gt;") + html.count("-") + html.count("1.") >= 9000
    assert "<b>" not in html


def test_what_is_cut_of_a_text_is_counted() -> None:
    assert "1,234 more characters are left out." in render_markdown("a" * (MAX_CHARACTERS + 1234))


def test_lines_of_a_patch_are_told_apart_and_colored() -> None:
    patch = _HEADER + b"@@ -1,2 +1,2 @@\n-x = 1\n+x = '<'\n ok\n"
    html = str(render_patch(patch))
    assert html.count('<span class="line file">') == 3
    assert '<span class="line removed">-' in html
    assert '<span class="line added">+' in html
    assert '<i class="s1">&#x27;&lt;&#x27;</i>' in html
    assert "<i" not in render_patch(patch, with_syntax=False)


@pytest.mark.parametrize(
    "patch", [b"", b"\xff\x00", b"@@ -1 +1 @@", b"GIT binary patch\nzzz\n", b"-- \n"]
)
def test_odd_patches_are_shown(patch: bytes) -> None:
    assert "<script" not in render_patch(patch)


def test_a_line_that_looks_like_a_header_is_part_of_its_hunk() -> None:
    patch = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n--- b\n+++ c\n"
    assert '<span class="line added">+++ c</span>' in render_patch(patch)


def test_long_patches_are_cut_and_counted() -> None:
    body = b"+x\n" * (MAX_LINES + 100)
    html = render_patch(b"@@ -0,0 +1,%d @@\n" % (MAX_LINES + 100) + body)
    assert "… 101 more lines" in html
    assert "… 600 more characters" in render_patch(b"@@ -0,0 +1 @@\n+" + b"x" * 999)


def test_a_leak_is_framed_wherever_its_line_breaks() -> None:
    patch = _HEADER + b"@@ -1 +1 @@\n-x\n+return first + second_one\n"
    text = "use return first +\n> second_one here"
    assert mark_leaks(text, patch) == (
        f"use {MARK_START}return first +{MARK_END}\n{MARK_START}> second_one{MARK_END} here"
    )
    assert mark_leaks("nothing", patch) == "nothing"


def test_locks_are_compared_by_package() -> None:
    other = parse_lock("a==1 --hash=sha256:0\n# comment\nB[extra]==2\nc==3\n")
    found = diff_locks(other, parse_lock("a==1\nb==2.1 ; python_version > '3'\nd @ file:///x\n"))
    changes = [(it.name, it.other, it.own) for it in found.changes]
    assert changes == [("b", "2", "2.1"), ("c", "3", ""), ("d", "", "file:///x")]
    assert (found.same, found.left_out) == (1, 0)


def test_the_grid_begins_with_what_decides_and_counts_what_it_leaves_out() -> None:
    plain = make_validation()
    outcomes = {f"t.py::p{it}": Outcome.PASSED for it in range(5000)}
    verdict = replace(
        plain.verdict,
        fail_to_pass=tuple(f"t.py::f{it}" for it in range(3)),
        pass_to_pass=tuple(outcomes),
    )
    runs = tuple(
        Run(side=side, index=it, status="completed", outcomes=outcomes)
        for it in range(2)
        for side in ("after", "before")
    )
    grid = make_outcome_grid(replace(plain, verdict=verdict, runs=runs))
    assert [it.side for it in grid.columns] == ["pre-patch"] * 2 + ["post-patch"] * 2
    kinds = [row.kind for row in grid.rows]
    assert kinds == ["FAIL_TO_PASS"] * 3 + ["flaky"] + ["PASS_TO_PASS"] * 40
    assert grid.rows[0].cells[0] == ("–", "missing")
    assert grid.left_out == (("PASS_TO_PASS", 4960),)
    assert len(grid.rows) <= MAX_ROWS


def test_what_hides_or_turns_text_is_shown() -> None:
    assert show_controls("a\x1b[2Jb\u202ec\ttab\n") == "a\u241b[2Jb[U+202E]c\ttab\n"
