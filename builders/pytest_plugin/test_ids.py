"""Convert pytest node ids to published test ids and back.

Published ids are printable ASCII without spaces: parsers of test logs split a line at the first
space, so an id with spaces would be truncated. This file also runs in evaluation images
(PYTEST_DONT_REWRITE), hence standalone and on Python 3.6.
"""

import re

_UNSAFE = re.compile(r"[^!-\[\]-~]")  # all but printable ASCII without space and backslash
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")
_LOOKS_ESCAPED = re.compile(r"%(?=[0-9A-F]{2})")


def escape_test_id(node_id: str) -> str:
    """Escape spaces, backslashes and non-ASCII characters as `%XX` for each UTF-8 byte.

    Other ids are unchanged; a percent sign is escaped only if it would read as an escape. Opening
    brackets are escaped if there are more of them than closing ones, because SWE-bench's grader
    takes such an id for a truncated one and accepts any id that starts with it.
    """
    text = _LOOKS_ESCAPED.sub("%25", node_id) if "%" in node_id else node_id
    if node_id.count("[") > node_id.count("]"):
        text = text.replace("[", "%5B")
    return _UNSAFE.sub(_escape_match, text)


def unescape_test_id(test_id: str) -> str:
    """Return the node id of a published *test_id*, the inverse of `escape_test_id`.

    Raises:
        UnicodeDecodeError: The escaped bytes are not valid UTF-8.
    """
    return _ESCAPES.sub(_unescape_match, test_id)


def _escape_match(found):  # type: ignore[no-untyped-def]
    if found.group() == " ":  # nearly always
        return "%20"
    data = found.group().encode("utf-8", "surrogatepass")
    return "".join("%{:02X}".format(byte) for byte in data)  # noqa: UP032


def _unescape_match(found):  # type: ignore[no-untyped-def]
    return bytes.fromhex(found.group().replace("%", "")).decode("utf-8", "surrogatepass")
