"""Text to rows."""

from tidytable._split import split


def heading(text):
    """The tidy form of a heading: one blank between words, none around them."""
    return " ".join(text.split())


def read(text, separator=","):
    """Rows of *text*, the first one holding the headings."""
    rows = [split(line, separator) for line in text.splitlines() if line.strip()]
    return [[heading(cell) for cell in row] for row in rows[:1]] + rows[1:]
