"""Lines as git counts them."""

from typing import TypeVar

T = TypeVar("T", str, bytes)


def split_lines(text: T) -> list[T]:
    r"""Split after each line feed, and nowhere else; joined, the lines equal *text*."""
    separator = "\n" if isinstance(text, str) else b"\n"
    lines = text.split(separator)
    whole = [line + separator for line in lines[:-1]]
    return whole + lines[-1:] if lines[-1] else whole
