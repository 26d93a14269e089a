"""Text to rows."""

import csv


def heading(text):
    """The tidy form of a heading: one blank between words, none around them."""
    return " ".join(text.split())


def read(text, separator=","):
    """Rows of *text*, the first one holding the headings; cells may be quoted."""
    lines = [line for line in text.splitlines() if line.strip()]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows = [[cell.strip() for cell in row] for row in reader]
    return [[heading(cell) for cell in row] for row in rows[:1]] + rows[1:]
