"""Text that SQLite, Parquet and JSON can store."""

import re

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile("[\ud800-\udfff\0]")


def replace_unstorable(text: str) -> str:
    """Return *text* with U+FFFD for NUL and for each half of a surrogate pair.

    Such halves have no encoding. They come from escapes in JSON, and from bytes that Python
    decoded with "surrogateescape".
    """
    return _UNSTORABLE.sub(REPLACEMENT, text) if _UNSTORABLE.search(text) else text


def decode_storable(data: bytes) -> str:
    """Decode UTF-8 from git or a file, with U+FFFD for what is not UTF-8 and for NUL."""
    return replace_unstorable(data.decode("utf-8", "replace"))
