"""Edits as blocks of text: any change of any file, made again byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.patches.lines import split_lines
from curate.process_data.block_text import (
    parse_modifications,
    parse_search_replace,
    render_modifications,
    render_search_replace,
)
from curate.process_data.edit_blocks import BlockError, EditBlock, apply_blocks, make_blocks
from curate.process_data.edits import NotRecreatedError, make_edits
from curate.process_data.gold_files import SUBMODULE, SYMLINK, ChangedFile, FileVersion
from curate.process_data.line_edits import diff_lines

LINES = st.lists(st.sampled_from(["a", "b", "", "  x", "=======", "a\r", "é"]), max_size=25)
TEXTS = st.text(alphabet="ab\n\r\t =é", max_size=60) | st.builds(
    lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"])
)
CONTENTS = (
    st.binary(max_size=40) | TEXTS.map(str.encode) | TEXTS.map(lambda it: it.encode("cp1252"))
)


def version(content: bytes | None, mode: str = "100644") -> FileVersion | None:
    return None if content is None else FileVersion(mode=mode, content=content)


def changed(
    old: bytes | None,
    new: bytes | None,
    *,
    modes: tuple[str, str] = ("100644", "100644"),
    path: str = "a.py",
    source: str = "",
) -> ChangedFile:
    sides = version(old, modes[0]), version(new, modes[1])
    return ChangedFile(path=path, source=source, old=sides[0], new=sides[1])


@given(TEXTS, TEXTS)
@settings(max_examples=500, deadline=None)
def test_blocks_of_any_change_apply_exactly_and_are_unique(old: str, new: str) -> None:
    blocks = make_blocks(old, new)
    assert apply_blocks(old, blocks) == new
    for block in blocks:
        assert block.search != block.replace
        assert (block.search or not old) and old.find(block.search) == old.rfind(block.search) >= 0


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_line_edits_make_the_new_lines(old: str, new: str) -> None:
    old_lines, new_lines = split_lines(old), split_lines(new)
    assert "".join(old_lines) == old
    made, at = [], 0
    for edit in diff_lines(old_lines, new_lines):
        made += old_lines[at : edit.old_start] + new_lines[edit.new_start : edit.new_end]
        at = edit.old_end
    assert made + old_lines[at:] == new_lines


@given(CONTENTS, CONTENTS)
@settings(max_examples=300, deadline=None)
def test_any_files_are_made_again_or_have_a_reason(old: bytes, new: bytes) -> None:
    edits = make_edits([changed(old, new)])
    reasons = {it.reason for it in edits.inexpressible if it.form == "blocks"}
    if edits.recreates == "partly":
        assert old != new and reasons == {"binary-or-unknown-encoding"}
        return
    assert not reasons
    if old == new:
        assert not edits.blocks["a.py"]
        return
    encoding = edits.encodings.get("a.py", "utf-8")
    made = apply_blocks(old.decode(encoding), edits.blocks["a.py"])
    assert made.encode(encoding) == new
    for text, parse in (
        (edits.search_replace, parse_search_replace),
        (edits.modifications, parse_modifications),
    ):
        if text:
            assert apply_blocks(old.decode(encoding), parse(text)["a.py"]) == made


@pytest.mark.parametrize(
    ("old", "new", "blocks"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", [("b", "B")]),
        ("a\nb\nc\n", "a\nc\n", [("a\nb", "a")]),  # a line that goes takes one before it
        ("b\nc\n", "c\n", [("b\nc", "c")]),
        ("x\na\nx\nb\n", "x\na\ny\nb\n", [("a\nx", "a\ny")]),  # context until it is unique
        ("a\nb\n", "a\nb", [("b\n", "b")]),  # no line feed at the end any more
        ("a\nb", "a\nb\n", [("b", "b\n")]),
        ("a\r\nb\r\n", "a\nb\r\n", [("a\r", "a")]),
        ("", "a\n", [("", "a\n")]),
        ("a\n", "", [("a\n", "")]),
        ("\ta\n", "    a\n", [("\ta", "    a")]),
    ],
)
def test_blocks_have_little_context(old: str, new: str, blocks: list[tuple[str, str]]) -> None:
    assert [(it.search, it.replace) for it in make_blocks(old, new)] == blocks


def test_a_block_that_repeats_the_text_of_the_next_one_is_joined_with_it() -> None:
    old, new = "one\nx\ntwo\ny\nthree\n", "two\ny\nx\ntwo\nz\nthree\n"
    assert apply_blocks(old, make_blocks(old, new)) == new


@pytest.mark.parametrize(
    ("text", "block", "problem"),
    [
        ("a\n", EditBlock(search="b", replace="c"), "does not occur"),
        ("a\na\n", EditBlock(search="a", replace="c"), "more than once"),
        ("aaa", EditBlock(search="aa", replace="c"), "more than once"),
        ("a\n", EditBlock(search="", replace="c"), "empty or missing"),
    ],
)
def test_a_block_applies_to_exactly_one_place(text: str, block: EditBlock, problem: str) -> None:
    with pytest.raises(BlockError, match=problem):
        apply_blocks(text, [block])


@pytest.mark.parametrize(
    ("file", "recreates", "reasons", "operations"),
    [
        (changed(None, b"a\n"), "blocks", [], []),
        (changed(None, b""), "blocks", [], []),
        (changed(b"a\n", None), "blocks-and-operations", ["deleted-file"], ["delete"]),
        (
            changed(b"a\n", b"b\n", source="old.py"),
            "blocks-and-operations",
            ["renamed-file"],
            ["rename"],
        ),
        (
            changed(b"a", b"a", modes=("100644", "100755")),
            "blocks-and-operations",
            ["mode-change"],
            ["mode"],
        ),
        (
            changed(None, b"a", modes=("", "100755")),
            "blocks-and-operations",
            ["mode-change"],
            ["mode"],
        ),
        (
            changed(b"\x80\0", b"\x80\0", source="old.png", path="new.png"),
            "blocks-and-operations",
            ["renamed-file"],
            ["rename"],
        ),
        (changed(b"\0a", b"\0b"), "partly", ["binary-or-unknown-encoding"], []),
        (changed(b"a", b"b", modes=(SYMLINK, SYMLINK)), "partly", ["symlink"], []),
        (changed(b"", b"", modes=(SUBMODULE, SUBMODULE)), "partly", ["submodule"], []),
        (changed(b"a", b"b", path="a\nb.py"), "partly", ["unprintable-path"], []),
        (changed(b"a", b"b", path="\udce9.py"), "partly", ["unprintable-path"], []),
    ],
)
def test_what_blocks_do_not_express_has_a_reason(
    file: ChangedFile, recreates: str, reasons: list[str], operations: list[str]
) -> None:
    edits = make_edits([file])
    assert edits.recreates == recreates
    assert [it.reason for it in edits.inexpressible] == reasons
    assert [it.kind for it in edits.operations] == operations


def test_a_file_keeps_the_encoding_that_it_declares() -> None:
    cookie = "# -*- coding: latin-1 -*-\n"
    old, new = f"{cookie}a = 'é'\n".encode("latin-1"), f"{cookie}a = 'è'\n".encode("latin-1")
    edits = make_edits([changed(old, new)])
    assert edits.recreates == "blocks"
    assert edits.encodings == {"a.py": "iso-8859-1"}
    assert edits.blocks["a.py"] == (EditBlock(search="a = 'é'", replace="a = 'è'"),)


def test_a_text_that_would_be_read_as_something_else_is_left_out() -> None:
    old = "x\n=======\nx\n"
    heading = changed(old.encode(), b"y\n=======\ny\n", path="a.rst")
    edits = make_edits([heading])
    assert edits.search_replace == ""
    assert [(it.reason, it.form) for it in edits.inexpressible] == [
        ("ambiguous-text", "search_replace")
    ]
    blocks = parse_modifications(edits.modifications)["a.rst"]
    assert apply_blocks(old, blocks) == "y\n=======\ny\n"
    tagged = make_edits([changed(b"a\n", b"</patched>\n```\nmore\n")])
    assert tagged.modifications == "" and tagged.search_replace


def test_both_forms_look_as_their_readers_expect() -> None:
    blocks = {"pkg/a.py": [EditBlock(search="a", replace="b")]}
    assert render_search_replace(blocks) == (
        "### pkg/a.py\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
    )
    assert render_modifications(blocks) == (
        "# modification 1\n```python\n<file>pkg/a.py</file>\n<original>a</original>\n"
        "<patched>b</patched>\n```\n"
    )
    spoken = f"I change this:\n\n{render_modifications(blocks)}\nThat is all.\n"
    assert parse_modifications(spoken.replace("# mod", "# Mod")) == blocks


def test_blocks_that_make_something_else_are_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.process_data.edits.make_blocks", lambda old, new: ())
    with pytest.raises(NotRecreatedError):
        make_edits([changed(b"a\n", b"b\n")])
