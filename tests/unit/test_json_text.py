"""Text as it enters: JSON of GitHub, output of git."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.builders.text import decode_storable, replace_unstorable
from curate.core.model import Issue, IssueRef
from curate.github.issues import parse_issue
from curate.github.json_text import NOT_JSON, parse_json
from curate.store.serialization import from_json, to_json

ANY_TEXT = st.text(st.characters(codec=None, categories=None))


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_github_sends_can_be_stored(title: str, author: str) -> None:
    times = dict.fromkeys(("createdAt", "updatedAt", "lastEditedAt"), "2020-01-01T00:00:00Z")
    comment = {**times, "id": title, "body": title, "author": {"login": author}}
    comments = {"nodes": [comment], "pageInfo": {"hasNextPage": False}}
    renamed = {"createdAt": times["createdAt"], "previousTitle": author}
    node = {
        **{"__typename": "Issue", "id": author, "title": title, "body": author, **times},
        **{"comments": comments, "timelineItems": {"nodes": [renamed]}},
    }
    parsed = parse_json(json.dumps(node).encode())
    issue = parse_issue(parsed, IssueRef(repo="o/r", number=1))
    assert from_json(Issue, to_json(issue)) == issue
    assert len(issue.title) == len(title)
    assert replace_unstorable(title).encode() == issue.title.encode()


@given(st.recursive(ANY_TEXT | st.none() | st.integers(), lambda it: st.lists(it, max_size=3)))
def test_what_can_be_stored_stays_as_it_is(value: object) -> None:
    text = json.dumps({"key": value}, ensure_ascii=True)
    storable = json.dumps(json.loads(replace_unstorable(json.dumps(value, ensure_ascii=False))))
    if "\\u0000" not in text:
        assert parse_json(text.encode()) == {"key": json.loads(storable)}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\uDE00\\uD83D"', "\ufffd\ufffd"),
        (b'{"\\ud83d": ["\\u0000"]}', {"\ufffd": ["\ufffd"]}),
        (b'"a\\\\ud83d"', "a\\ud83d"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
        (b'\xef\xbb\xbf"mark"', "mark"),
        (b'"a\x00\x0bb"', "a\ufffd\x0bb"),
        (b"NaN", NOT_JSON),
        (b"[-Infinity]", NOT_JSON),
        (b"", NOT_JSON),
        (b"<html>", NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b"9" * 5000, NOT_JSON),
    ],
)
def test_json_of_all_kinds(content: bytes, expected: object) -> None:
    assert parse_json(content) == expected


def test_what_git_prints_can_be_stored() -> None:
    assert (
        decode_storable(b"caf\xe9 \xed\xa0\xbd\0 \xc3\xa9")
        == "caf\ufffd \ufffd\ufffd\ufffd\ufffd é"
    )
