"""Cutting a line into cells."""


def split(line, separator):
    """Cells of *line*, without the blanks around them."""
    return [cell.strip() for cell in line.split(separator)]
