"""Statements of a source that a patch adds or changes, as ranges of lines."""

import ast
from collections.abc import Container, Iterator, Mapping, Sequence

from curate.measure.edits import NotPythonError

Executed = Mapping[str, Mapping[str, Sequence[int]]]
"""Node id -> path -> executed lines; "." = while modules were imported."""

ON_IMPORT = "."

_NEVER_TRACED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Try, ast.Match)
_DECLARATIONS = (ast.Global, ast.Nonlocal)


def list_statements(source: bytes, lines: Container[int]) -> list[range]:
    """Return the line ranges of the statements of *source* with a line of *lines*.

    Of a compound statement, that is its header. Docstrings, definitions and declarations are left
    out, as nothing executes them when a function is called. Raises NotPythonError.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(str(error)) from error
    return [it for it in _iter_ranges(tree) if any(line in lines for line in it)]


def _iter_ranges(tree: ast.Module) -> Iterator[range]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or isinstance(node, (*_NEVER_TRACED, *_DECLARATIONS)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        body = getattr(node, "body", None)
        assert node.end_lineno is not None
        end = max(body[0].lineno, node.lineno + 1) if body else node.end_lineno + 1
        yield range(node.lineno, end)


def list_executing(executed: Executed, path: str, lines: Container[int]) -> list[str]:
    """Return the node ids that execute one of *lines* of *path*; ON_IMPORT may be among them."""
    return [
        name
        for name, by_path in executed.items()
        if any(line in lines for line in by_path.get(path, ()))
    ]
