"""Small tables of text, tidy."""

from tidytable.reading import heading, read
from tidytable.rendering import render, render_markdown
from tidytable.sampling import sample
from tidytable.shape import transpose
from tidytable.width import pad, width

__all__ = ["heading", "pad", "read", "render", "render_markdown", "sample", "transpose", "width"]
