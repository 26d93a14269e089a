"""Test ids as published: one word of printable ASCII each, and back again.

Readers of test logs cut a line at its first blank, so an id with blanks would be lost. This file
also runs inside evaluation images (PYTEST_DONT_REWRITE), hence alone and on Python 3.6.
"""

import re

_PLAIN = re.compile(r"[!-\[\]-~]")  # printable ASCII but for the blank and the backslash
_ALL_PLAIN = re.compile(r"[!-\[\]-~]*")
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")
_LOOKS_ESCAPED = re.compile(r"%(?=[0-9A-F]{2})")


def escape_test_id(node_id: str) -> str:
    """*node_id* without blanks, backslashes and non-ASCII: those become `%XX`, byte by UTF-8 byte.

    Plain ids stay as they are; a percent sign is escaped only where it would read as an escape.
    Opening brackets are escaped where they outnumber the closing ones, for SWE-bench's grader
    takes such an id for a cut one and accepts any id that begins like it.
    """
    text = _LOOKS_ESCAPED.sub("%25", node_id)
    if node_id.count("[") > node_id.count("]"):
        text = text.replace("[", "%5B")
    if _ALL_PLAIN.fullmatch(text):
        return text
    return "".join(char if _PLAIN.match(char) else _escape_char(char) for char in text)


def unescape_test_id(test_id: str) -> str:
    """The inverse of `escape_test_id`; UnicodeDecodeError for escapes that are no UTF-8."""
    return _ESCAPES.sub(_unescape_match, test_id)


def _escape_char(char: str) -> str:
    return "".join("%{:02X}".format(byte) for byte in char.encode("utf-8", "surrogatepass"))  # noqa: UP032


def _unescape_match(found):  # type: ignore[no-untyped-def]
    return bytes.fromhex(found.group().replace("%", "")).decode("utf-8", "surrogatepass")
