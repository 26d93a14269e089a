"""Edits of a source by the nodes of its syntax tree: positions, replacements, lines kept."""

import ast
import codecs
import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import accumulate

Positioned = ast.expr | ast.stmt


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One replacement in a source: byte offsets, the new bytes, and the line where it begins."""

    operator: str
    line: int
    start: int
    end: int
    new: bytes


class EditingVisitor(ast.NodeVisitor):
    """Collects edits of a source; knows where each node is in it."""

    def __init__(self, source: bytes, lines: Container[int]) -> None:
        self.edits: list[Edit] = []
        self._source, self._lines = source, lines
        # Start of line n at index n; columns do not count a byte order mark.
        first = len(codecs.BOM_UTF8) if source.startswith(codecs.BOM_UTF8) else 0
        lengths = (len(line) + 1 for line in source.split(b"\n"))
        self._starts = [0, *accumulate(lengths, initial=0)]
        self._starts[1] = first
        self._parameters: list[set[str]] = []  # of the functions around

    # -- text

    def _start(self, node: Positioned) -> int:
        return self._starts[node.lineno] + node.col_offset

    def _end(self, node: Positioned) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno] + node.end_col_offset

    def _text(self, node: Positioned) -> bytes:
        return self._source[self._start(node) : self._end(node)]

    def _add(self, operator: str, start: int, end: int, new: bytes) -> None:
        """Add an edit if all its lines may be changed; it keeps their number."""
        first = self._source.count(b"\n", 0, start) + 1
        old = self._source[start:end]
        missing = old.count(b"\n") - new.count(b"\n")
        touched = range(first, first + old.count(b"\n") + 1)
        if missing < 0 or old == new or not all(number in self._lines for number in touched):
            return
        self.edits.append(
            Edit(operator=operator, line=first, start=start, end=end, new=new + b"\n" * missing)
        )

    def _replace(self, operator: str, node: Positioned, new: bytes) -> None:
        self._add(operator, self._start(node), self._end(node), new)

    def _replace_between(
        self, operator: str, left: Positioned, right: Positioned, change: tuple[str, str]
    ) -> None:
        """Replace the operator between two operands; *change* is (pattern, new)."""
        start, end = self._end(left), self._start(right)
        between = self._source[start:end]
        found = list(re.finditer(change[0].encode(), between))
        if len(found) == 1 and b"#" not in between:
            begin, stop = found[0].span()
            self._add(operator, start + begin, start + stop, change[1].encode())

    def _negate(self, test: ast.expr) -> None:
        if not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self._replace("negation", test, b"not (" + self._text(test) + b")")
