"""Texts of others as text that a page can show: nothing in them is hidden or acts."""

import re

# Control characters as their symbols; what turns the direction of text around by its name.
_SYMBOLS = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
_SYMBOLS |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
_TURNS = {
    code: f"[U+{code:04X}]"
    for code in (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_REPLACED = _SYMBOLS | _TURNS
_HIDDEN = re.compile("[" + "".join(re.escape(chr(code)) for code in _REPLACED) + "]")


def as_unicode(text: str) -> str:
    """Return *text* with replacement characters for what UTF-8 cannot hold."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def show_controls(text: str) -> str:
    """Return *text* with symbols for control characters, and names for those of direction."""
    text = as_unicode(text)
    return text.translate(_REPLACED) if _HIDDEN.search(text) else text


def cut_text(text: str, limit: int) -> tuple[str, int]:
    """Return the first *limit* characters of *text*, and how many are left out."""
    return text[:limit], max(0, len(text) - limit)
