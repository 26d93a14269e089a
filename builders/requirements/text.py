"""Decode the text files that declare requirements."""

import codecs
import re

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)


def decode_text(content: bytes) -> str:
    """Decode a file as pip does: by its byte order mark, or its coding line, or as UTF-8.

    UTF-16 is also recognized without a mark. Bytes that do not fit become U+FFFD.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    try:
        return content.decode(_guess_encoding(content), errors="replace")
    except LookupError:  # the coding line names no text encoding
        return content.decode(errors="replace")


def _guess_encoding(content: bytes) -> str:
    if b"\0" in content[:2]:  # no requirement or key begins with a NUL
        return "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    declared = _DECLARATION.search(b"\n".join(content.split(b"\n", 2)[:2]))
    return declared[1].decode() if declared else "utf-8"
