"""Canonical ids: plain ones untouched, all of them one word, all of them reversible."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.builders.pytest_plugin.test_ids import escape_test_id, unescape_test_id
from curate.publish.escaped_ids import escape_test_ids

ALPHABET = st.one_of(st.characters(codec=None), st.sampled_from("%25ABab0[]\\ \t\n\x85\u2028é"))


@pytest.mark.parametrize(
    "plain",
    [
        "tests/a.py::test_b",
        "a.py::T::t[1-x%]",
        "a.py::t[100%]",
        "a.py::t[a%zz-%a0]",
        "a.py::t[[x]]",
    ],
)
def test_plain_ids_stay(plain: str) -> None:
    assert escape_test_id(plain) == plain


@pytest.mark.parametrize(
    ("exact", "canonical"),
    [
        ("a.py::t[a b]", "a.py::t[a%20b]"),
        ("a.py::t[\\xfc]", "a.py::t[%5Cxfc]"),
        ("a.py::t[ü]", "a.py::t[%C3%BC]"),
        ("a.py::t[%20]", "a.py::t[%2520]"),
        ("a.py::t[a[]", "a.py::t%5Ba%5B]"),
        ("a.py::t[a - b]", "a.py::t[a%20-%20b]"),
    ],
)
def test_what_readers_would_cut_is_escaped(exact: str, canonical: str) -> None:
    assert escape_test_id(exact) == canonical
    assert unescape_test_id(canonical) == exact


@given(st.text(ALPHABET))
@example("%%2 é%25")
@example("\ud800\udc00")
def test_every_id_comes_back(exact: str) -> None:
    canonical = escape_test_id(exact)
    assert unescape_test_id(canonical) == exact
    assert canonical.isascii()
    assert canonical.split() == ([canonical] if exact else [])
    assert canonical.count("[") <= canonical.count("]")


@given(st.lists(st.text(ALPHABET)))
@example([])
@example([""])
@example(["a", "b c"])
@example(["a[", "b]"])
@example(["a[b]", "[[x]]", "a[[]"])
@example(["a\nb", "c%20"])
def test_a_list_is_escaped_id_by_id(exact: list[str]) -> None:
    assert escape_test_ids(exact) == [escape_test_id(it) for it in exact]
