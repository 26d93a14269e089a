"""How many columns of a terminal a text takes."""


def width(text):
    """Columns that *text* takes on a terminal."""
    return len(text)


def pad(text, columns, right=False):
    """Fill *text* with blanks up to *columns*, standing left or right."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks
