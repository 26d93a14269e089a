"""Tables turned and cut."""

from itertools import zip_longest


def transpose(rows):
    """Columns of *rows* as rows; short rows are filled with empty cells."""
    return [list(column) for column in zip_longest(*rows, fillvalue="")]
