"""Rows to text."""

from tidytable.width import pad, width


def _columns(rows):
    """Width of every column."""
    return [max(width(cell) for cell in column) for column in zip(*rows)]


def _is_number(cell):
    return cell.replace(".", "", 1).lstrip("-").isdigit()


def render(rows):
    """A plain table: numbers stand right, everything else left."""
    columns = _columns(rows)
    lines = []
    for row in rows:
        cells = [pad(cell, size, _is_number(cell)) for cell, size in zip(row, columns)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def render_markdown(rows):
    """The same table for Markdown."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
