"""How many columns of a terminal a text takes."""

import unicodedata


def width(text):
    """Columns that *text* takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def pad(text, columns, right=False):
    """Fill *text* with blanks up to *columns*, standing left or right."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks
