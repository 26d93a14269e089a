"""The text of a file, if it has one that becomes the same bytes again."""

import io
import tokenize
from dataclasses import dataclass

_BINARY_PREFIX = 8000  # bytes in which git looks for a zero byte


@dataclass(frozen=True, kw_only=True)
class FileText:
    """Decoded content; line ends and a byte order mark are part of *text*."""

    text: str
    encoding: str

    def encode(self, text: str) -> bytes:
        """Return *text* in the encoding of the file; UnicodeEncodeError if it has no such text."""
        return text.encode(self.encoding)


def decode_file(content: bytes) -> FileText | None:
    """Decode UTF-8, or what the first two lines declare as Python files do; None for other files.

    What git takes for binary has no text.
    """
    if b"\0" in content[:_BINARY_PREFIX]:
        return None
    for encoding in ("utf-8", _read_declared_encoding(content)):
        try:
            text = content.decode(encoding)
            if text.encode(encoding) == content:
                return FileText(text=text, encoding=encoding)
        except (UnicodeError, LookupError):
            continue
    return None


def _read_declared_encoding(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except (SyntaxError, UnicodeError, LookupError):
        return "utf-8"
