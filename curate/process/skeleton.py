"""Python files without the bodies of their functions."""

import ast
from bisect import bisect_right

from curate.process.python_source import Definition, PythonSource, first_line


def make_skeleton(source: PythonSource) -> str:
    """Return what stands outside of functions, and the signatures of all that are in none.

    Docstrings are left out. Lines are those of the file, in its order, but more than two empty
    lines in a row become two.
    """
    hidden = sorted(_list_hidden_lines(source.tree, source.lines))
    starts = [start for start, _, _ in hidden]
    kept: list[str] = []
    for number, line in enumerate(source.lines, 1):
        at = bisect_right(starts, number) - 1
        if at >= 0 and hidden[at][0] <= number <= hidden[at][1]:
            if number == hidden[at][0] and hidden[at][2]:
                kept.append(hidden[at][2])
            continue
        kept.append(line.rstrip())
    return _squeeze_empty_lines(kept)


def list_signatures(source: PythonSource) -> str:
    """Return the lines of `class` and `def` alone, of all that are in no function."""
    lines = [source.lines[unit.header - 1] for unit in source.units if not unit.functions]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _list_hidden_lines(tree: ast.Module, lines: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Return (first line, last line, what stands in their place) of bodies and docstrings."""
    hidden = []
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden.append(_hide(node.body[0], node.end_lineno or node.lineno, lines))
            continue
        if isinstance(node, ast.Module | ast.ClassDef) and ast.get_docstring(node, clean=False):
            docstring = node.body[0]
            hidden.append(_hide(docstring, docstring.end_lineno or docstring.lineno, lines))
        stack.extend(
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
        )
    return hidden


def _hide(start: ast.stmt, end: int, lines: tuple[str, ...]) -> tuple[int, int, str]:
    """Hide from *start* to the end of line *end*, but not what is before it on its line."""
    first = first_line(start) if isinstance(start, Definition) else start.lineno
    before = lines[first - 1].encode()[: start.col_offset].decode(errors="replace")
    return first, end, before.rstrip()


def _squeeze_empty_lines(lines: list[str]) -> str:
    text: list[str] = []
    for line in lines:
        if line or text[-2:] != ["", ""]:
            text.append(line)
    return "\n".join(text).strip("\n") + "\n"
