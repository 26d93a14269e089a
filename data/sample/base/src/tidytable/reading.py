"""Text to rows."""

from tidytable._split import split


def heading(text):
    """The tidy form of a heading."""
    return text.strip()


def read(text, separator=","):
    """Rows of *text*, the first one holding the headings."""
    rows = [split(line, separator) for line in text.splitlines() if line.strip()]
    if rows:
        rows[0] = [heading(cell) for cell in rows[0]]
    return rows
