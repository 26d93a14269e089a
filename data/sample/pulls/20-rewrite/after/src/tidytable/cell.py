"""A cell that knows its width."""


class Cell(str):
    """A text in a table."""
